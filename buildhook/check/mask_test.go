package check_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/leakscan/leakscan/buildhook/check"
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
