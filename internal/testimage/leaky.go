package testimage

import "strings"

// Leaky is an image of a Dockerfile in which everything goes wrong that can:
// a secret in ENV, in a build argument, in a label, in a file that stays, in
// one that is deleted, in one that is overwritten and in one that an opaque
// directory hides.
func Leaky(name string) Image {
	aws, github, npm := AWSKeyID(1), GitHubToken(2), NPMToken(3)
	stripe, slack, gitlab := StripeKey(4), SlackToken(5), GitLabToken(6)
	return Image{
		Name: name,
		Env:  []string{"PATH=/usr/local/bin:/usr/bin:/bin", "STRIPE_API_KEY=" + stripe},
		Labels: map[string]string{
			"org.opencontainers.image.title": "demo", "ci.slack.token": slack,
		},
		Cmd: []string{"/app/server"},
		Layers: []Layer{
			{CreatedBy: "/bin/sh -c #(nop) ADD file:0123456789abcdef in / ", Entries: []Entry{
				File("etc/", ""), File("etc/os-release", "NAME=\"demo\"\n"), File("bin/", ""), File("bin/sh", "\x7fELF"+strings.Repeat("\x00\x01\x02", 5000)), File("app/", ""),
			}},
			{CreatedBy: "ENV STRIPE_API_KEY=" + stripe, Empty: true},
			{CreatedBy: "COPY .env /app/.env # buildkit", Entries: []Entry{
				File("app/.env", "# settings of the demo\nAWS_ACCESS_KEY_ID="+aws+"\nAWS_SECRET_ACCESS_KEY="+AWSSecretKey(8)+"\nLOG_LEVEL=info\n"),
			}},
			{CreatedBy: "COPY .npmrc /root/.npmrc # buildkit", Entries: []Entry{
				File("root/", ""), File("root/.npmrc", "//registry.npmjs.org/:_authToken="+npm+"\n"),
			}},
			{CreatedBy: "RUN |1 GITLAB_TOKEN=" + gitlab + " /bin/sh -c ./build.sh # buildkit", Entries: []Entry{
				File("app/server", "\x7fELF"+strings.Repeat("\x03\x04", 4000)),
			}},
			{CreatedBy: "COPY config /app/config # buildkit", Entries: []Entry{
				File("app/config/", ""), File("app/config/deploy.yaml", "github:\n  token: "+github+"\n"),
				File("app/config/tls/", ""), File("app/config/tls/server.key", PrivateKey(7)),
			}},
			{CreatedBy: "RUN /bin/sh -c rm /root/.npmrc && ./scrub.sh # buildkit", Entries: []Entry{
				File("root/", ""), Whiteout("root/.npmrc"),
				File("app/", ""), File("app/config/", ""), File("app/config/deploy.yaml", "github:\n  token: ${GITHUB_TOKEN}\n"),
				File("app/config/tls/", ""), Opaque("app/config/tls"), File("app/config/tls/README", "mount the key here\n"),
			}},
			{CreatedBy: `LABEL ci.slack.token=` + slack, Empty: true},
			{CreatedBy: `CMD ["/app/server"]`, Empty: true},
		},
	}
}
