package check_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/check"
	"github.com/leakscan/leakscan/detect"
	"github.com/leakscan/leakscan/internal/testimage"
)

// TestNothingShown has a password in places that no check is about, beside a
// finding whose frame shows them.
func TestNothingShown(t *testing.T) {
	s := "zQ7vK2p" + "X9mL4tR8w"
	for _, line := range []string{
		`CMD ["mysql","-u","root","-p` + s + `"]`,
		`RUN ["curl","-u","bob:` + s + `","https://x.example.com"]`,
		`CMD ["curl","-H","Authorization: Bearer ` + s + `"]`,
		`RUN echo 'root:` + s + `' | chpasswd`,
		`RUN echo ` + s + ` | passwd --stdin root`,
		`RUN echo "` + s + `" | docker login -u bob --password-stdin reg.example.com`,
		`RUN echo "machine github.com login bob password ` + s + `" > ~/.netrc`,
		`RUN psql -c "ALTER USER bob WITH PASSWORD '` + s + `'"`,
		`ENV DB_PASSWORD=${DB_PASSWORD:-` + s + `}`,
		`ENV DB_PASSWORD=${X:` + s + `}`,
		`RUN printf "%s" "user=bob&pass=` + s + `" > /f`,
		`# the root password is ` + s,
		`HEALTHCHECK --interval=` + s + ` CMD x`,
		`EXPOSE ` + s,
		`COPY --from=bob:` + s + `@reg.example/a /a /b`,
	} {
		o := check.Options{Scanner: shared(t), Stdin: strings.NewReader("FROM alpine\nENV API_TOKEN=abcd1234efgh5678\n" + line + "\n")}
		o.Dockerfile = "-"
		rep, err := check.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%+v", rep); strings.Contains(text, s) {
			i := strings.Index(text, s)
			t.Errorf("%s: …%s", line, text[max(i-80, 0):i+len(s)])
		}
	}
}

// TestAwkwardValues has passwords that no mix of characters gives away, or with
// characters that mean something to the Dockerfile.
func TestAwkwardValues(t *testing.T) {
	words := "tr0ub4dor-" + "kestrel"
	dollar := "Pa$$w0rd" + "-9x"
	plain := "kestrel" + "house"
	for _, tt := range []struct{ dockerfile, value string }{
		{"FROM alpine\nARG DB_PASSWORD=" + dollar, dollar},
		{"FROM alpine\nARG DB_PASSWORD=\"" + dollar + "\"", dollar},
		{"FROM alpine\nARG DB_PASSWORD=abc$1def9K", "abc$1def9K"},
		{"FROM alpine\nARG DB_PASSWORD=it\\'s-a-9pass", "s-a-9pass"},
		{"FROM alpine\nARG DB_PASSWORD=${PW:-" + dollar + "}", dollar},
		{"FROM alpine\nONBUILD ARG DB_PASSWORD=" + dollar, dollar},
		{"FROM alpine\nENV DB_PASSWORD=K3str#l$$x\nRUN mysql -u r -pK3str#l$$x\nRUN curl http://u:K3str#l$$x@h/", "K3str#l$$x"},
		{"ARG DB_PASSWORD=" + dollar + "\nFROM alpine\nARG DB_PASSWORD\nRUN make", dollar},
		{"FROM alpine\nRUN echo \"root:" + words + "\" | chpasswd", words},
		{"FROM alpine\nRUN printf \"root:" + words + "\\n\" | chpasswd", words},
		{"FROM alpine\nRUN echo -e \"" + words + "\\n" + words + "\" | passwd root", words},
		{"FROM alpine\nRUN (echo " + words + "; echo " + words + ") | passwd root", words},
		{"FROM alpine\nRUN echo root:" + plain + " | chpasswd", plain},
		{"FROM alpine\nRUN git config --global url.\"https://" + words + ":x-oauth-basic@github.com/\".insteadOf \"https://github.com/\"", words},
		{"FROM alpine\nENV P=" + words + "\nENV DATABASE_URL=postgres://u:${P}@db/x", words},
		{"FROM alpine\nENV DB_PASSWORD=" + plain + "\nFOO DB_PASSWORD=" + plain, plain},
		{"FROM alpine\nENV DB_PASSWORD " + plain + "\nCOPY --foo=x a b", plain},
		{"ENV DB_PASSWORD=" + plain, plain},
		{"FROM alpine\nENV DB_PASSWORD=" + plain + "\nRUN <<EOF\nx", plain},
		{"FROM bob:" + words + "@r.example.com/x", words},
		{"FROM alpine\nENV DB_PASSWORD=${X:?" + words + "}", words},
		{"FROM alpine\nRUN --mount=type=secret,DB_PASSWORD=" + words + " true", words},
	} {
		o := check.Options{Scanner: shared(t), Invocation: check.Invocation{Dockerfile: "-"}, Stdin: strings.NewReader(tt.dockerfile + "\n")}
		rep, err := check.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%+v", rep)
		if i := strings.Index(text, tt.value); i >= 0 {
			t.Errorf("%s: …%s", tt.dockerfile, text[max(i-80, 0):i+len(tt.value)])
		}
	}
}

// TestMaskedOnce has secrets that are masked by the rules, and by their name as
// well: what is shown is the one preview.
func TestMaskedOnce(t *testing.T) {
	token := testimage.GitHubToken(1)
	for line, want := range map[string]string{
		"ENV GITHUB_TOKEN=" + token:                     "ENV GITHUB_TOKEN=ghp_…(40 characters)\n",
		"ENV GITHUB_TOKEN=\"" + token + "\"":            "ENV GITHUB_TOKEN=\"ghp_…(40 characters)\"\n",
		"ENV A=b GITHUB_TOKEN=" + token + " C=d":        "ENV A=b GITHUB_TOKEN=ghp_…(40 characters) C=d\n",
		"ENV DB_PASSWORD=zQ7vK2p" + "X9mL4tR8w":         "ENV DB_PASSWORD=zQ…(16 characters)\n",
		"RUN DB_PASSWORD=zQ7vK2p" + "X9mL4tR8w ./start": "RUN DB_PASSWORD=zQ…(16 characters) ./start\n",
	} {
		got := string(check.Masked(shared(t), "Dockerfile", []byte("FROM scratch\n"+line+"\n"), nil))
		if got != "FROM scratch\n"+want {
			t.Errorf("got %q, want %q", got, want)
		}
		o := check.Options{Scanner: shared(t), Stdin: strings.NewReader("FROM scratch\n" + line + "\n")}
		o.Dockerfile = "-"
		rep, err := check.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rep.Problems {
			if !strings.Contains(p.Frame, want) {
				t.Errorf("%s: got\n%swant %q", p.Check, p.Frame, want)
			}
		}
	}
}

// TestMaskedPieces has secrets in pieces, each of which says too much.
func TestMaskedPieces(t *testing.T) {
	token := testimage.GitHubToken(1)
	a, b := token[:20], token[20:]
	for _, tt := range []struct{ name, text, want string }{
		{"continued", "FROM a\nENV X=" + a + "\\\n" + b + "\nRUN b", "FROM a\n…\n…\nRUN b"},
		{"no Dockerfile", "ENV X=" + a + "\\\n" + b + "\nFOO", "…\n…\nFOO"},
		{"escape=`", "# escape=`\nFROM a\nENV X=" + a + "`\n" + b, "# escape=`\nFROM a\n…\n…"},
		{"crlf", "FROM a\r\nENV X=" + a + "\\\r\n# c\r\n" + b + "\r\n", "FROM a\r\n…\n…\n…\n"},
		{"not parted", "FROM a\nRUN b \\\n  c --t=" + token + " \\\n d", "FROM a\nRUN b \\\n  c --t=ghp_…(40 characters) \\\n d"},
		{"what cover says", "FROM a\nENV X=1 \\\n Y=some\\\nthing", "FROM a\n…\n…\n…"},
		{"what cover says, in a line", "FROM a\nENV X=something", "FROM a\nENV X=?"},
	} {
		cover := func(text []byte) []detect.Covered {
			if i := strings.Index(string(text), "something"); i >= 0 {
				return []detect.Covered{{From: i, To: i + 9, Shown: "?"}}
			}
			return nil
		}
		if got := string(check.Masked(shared(t), "Dockerfile", []byte(tt.text), cover)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestParted: a secret in two lines is one problem, and no half of it is shown, not
// in the lines that --fix changes either.
func TestParted(t *testing.T) {
	npm, key := testimage.NPMToken(1), "4f9a1c7be203d58846af"+"1e9c37b05d2f"
	for _, tt := range []struct{ name, text, secret string }{
		{"a header", "FROM alpine\nARG DEPLOY_TOKEN\nRUN curl -H 'X-Auth: %s\\\n%s' -H \"X: $DEPLOY_TOKEN\" https://example.com/a\n", npm},
		{"a variable", "FROM alpine\nRUN make API_KEY=%s\\\n%s\n", key},
		{"an npmrc", "FROM alpine\nRUN echo \"//registry.npmjs.org/:_authToken=%s\\\n%s\" > .npmrc\n", npm},
		{"a file", "FROM alpine\nRUN echo \"password=%s\\\n%s\" > /etc/app.conf\n", "k3o9x2vq" + "7w8zzq4rT1"},
		{"onbuild", "FROM alpine\nENV DB_PASSWORD=zQ7vK2pX9mL4tR8w\nONBUILD RUN <<EOF\ncurl -H 'X-Auth: %s\\\n%s' https://example.com/a\nEOF\n", npm},
	} {
		a, b := tt.secret[:len(tt.secret)/2], tt.secret[len(tt.secret)/2:]
		dir := t.TempDir()
		file := filepath.Join(dir, "Dockerfile")
		if err := os.WriteFile(file, fmt.Appendf(nil, tt.text, a, b), 0o644); err != nil {
			t.Fatal(err)
		}
		o := check.Options{Scanner: shared(t)}
		o.Context = dir
		fix, rep, err := check.Mend(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, p := range rep.Problems {
			if strings.Contains(p.Message, "argument") || strings.HasPrefix(p.Key, "D") {
				continue // the other one of the case
			}
			if n++; n > 1 {
				t.Errorf("%s: %s, once more: %s", tt.name, p.Message, p.Secret)
			}
		}
		if n == 0 {
			t.Errorf("%s: nothing is found", tt.name)
		}
		shown := fmt.Sprintf("%+v", rep)
		for _, f := range fix.Files {
			shown += string(f.OldShown) + string(f.NewShown)
		}
		for _, piece := range []string{a, b} {
			if strings.Contains(shown, piece) {
				t.Errorf("%s: a half is shown:\n%s", tt.name, shown)
			}
		}
	}
}

// TestLongJoins: putting lines together takes time that is linear in their number.
// Were it quadratic, this would not end.
func TestLongJoins(t *testing.T) {
	lines := strings.Repeat("x\\\n", 200_000)
	for _, text := range []string{"FROM alpine\nRUN <<EOF\n" + lines + "\nEOF\n", "FROM alpine\nRUN " + lines + "y\n"} {
		o := check.Options{Scanner: shared(t), Stdin: strings.NewReader(text)}
		o.Dockerfile = "-"
		if _, err := check.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if got := check.Masked(shared(t), "Dockerfile", []byte(text), nil); string(got) != text {
			t.Errorf("%d bytes are shown of %d", len(got), len(text))
		}
	}
}
