package check_test

import (
	"context"
	"fmt"
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
