package shellflow

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func FuzzAnalyze(f *testing.F) {
	for _, row := range allRows() {
		f.Add(row.script, "sh")
	}
	for _, s := range []string{
		"f() { f | f; }; f", "eval 'eval \"$0\"'", "while :; do x=$x$x$TOKEN; done", "a=(1 2); a[9]=$TOKEN; echo ${a[@]:1}",
		"cat <<a <<b\n$TOKEN\na\nb\n", "x={a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}; echo {a,b}{c,d}{e,f}$TOKEN", "\x01$TOKEN\x02 > \x01", "ln -s a b; ln -s b a; echo $TOKEN > a",
		"\xff\xfe echo $TOKEN > '\xff'", "for i in 1 2 3; do for j in $i; do for k in $j; do break 2; done; done; done", "git", "tar", "sed -i", "openssl passwd", "find -exec", "xargs -I", "7z", "find . -exec {} +", "unset 1 =; set --; shift; trap", "cd -; cd; cd ''; echo $TOKEN > ''", "gzip '' -", "exec >&9; exec 12>&-; echo $TOKEN >&12",
	} {
		f.Add(s, "bash")
	}
	f.Fuzz(func(t *testing.T, script, shell string) {
		in := world(script)
		in.Shell = shell
		checked(t, in)
		exec := world("")
		exec.Exec = strings.Fields(script)
		checked(t, exec)
	})
}

// checked analyses twice, and fails if that says what it may not.
func checked(t *testing.T, in Input) {
	res := Analyze(in)
	var internal *InternalError
	if errors.As(res.Opaque, &internal) {
		t.Fatal(res.Opaque, internal.Stack)
	}
	for _, f := range res.Flows {
		if f.Pos < 0 || f.End < f.Pos || f.End > len(in.Script) {
			t.Fatalf("%+v is outside of the script", f)
		}
		if strings.ContainsAny(f.Path+f.By, "\x01\x02") {
			t.Fatalf("%+v shows its holes", f)
		}
	}
	for _, f := range res.Files {
		if len(f.Labels) == 0 || strings.ContainsAny(f.Path, "\x01\x02") {
			t.Fatalf("%+v", f)
		}
	}
	if again := Analyze(in); !reflect.DeepEqual(res, again) && fmt.Sprint(res) != fmt.Sprint(again) {
		t.Fatalf("%v, then %v", res, again)
	}
}

const typicalRun = `set -eux
apt-get update
apt-get install -y --no-install-recommends curl git ca-certificates
if [ -n "$TOKEN" ]; then
  echo "//registry.npmjs.org/:_authToken=$TOKEN" > ~/.npmrc
fi
for v in 1 2 3; do
  curl -fsSL -H "Authorization: Bearer $(cat /run/secrets/t)" -o "/opt/$v.tgz" "https://example.com/$v.tgz"
  tar -xzf "/opt/$v.tgz" -C /opt
  rm -f "/opt/$v.tgz"
done
git config --global url."https://x:$TOKEN@github.com/".insteadOf https://github.com/
npm ci --no-audit && npm run build && npm cache clean --force
cat > /etc/app.conf <<END
listen = 8080
password = $PW
END
chmod 600 /etc/app.conf
rm -f ~/.npmrc ~/.gitconfig
rm -rf /opt/lists/*
`

// About 0.2 ms for these 20 lines.
func BenchmarkAnalyze(b *testing.B) {
	in := world(typicalRun)
	b.SetBytes(int64(len(typicalRun)))
	b.ReportAllocs()
	for b.Loop() {
		Analyze(in)
	}
}

// The longest work a script can ask for is bounded.
func BenchmarkHostile(b *testing.B) {
	for name, script := range map[string]string{
		"calls":    "f() { f; f; f; }; f",
		"branches": strings.Repeat("if a; then echo $TOKEN > /t$a; X$a=1; fi\n", 2000),
		"files":    strings.Repeat("for i in 1 2 3 4 5 6 7 8; do for j in 1 2 3 4 5 6 7 8; do for k in 1 2 3 4 5 6 7 8; do echo $TOKEN > /t/$i/$j/$k; rm -f /t/*x; done; done; done\n", 50),
		"double":   "x=a$TOKEN; " + strings.Repeat("x=$x$x; ", 5000) + "echo $x > t",
		"nesting":  strings.Repeat("$(", 300) + "echo" + strings.Repeat(")", 300),
		"eval":     "x='eval \"$x\"; eval \"$x\"'; eval \"$x\"",
		"pipes":    strings.Repeat("f() { f | f | f; }; f; ", 20),
		"traps":    strings.Repeat("trap 'echo $TOKEN > $x' EXIT; (exit); ", 2000),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Analyze(world(script))
			}
		})
	}
}
