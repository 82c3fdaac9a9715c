package shellflow

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// row is a script and the flows of it, as "kind path by what [labels]", in
// order. A group of rows is one test.
type row struct{ script, want string }

// world is what the scripts of the tests run in: TOKEN (label 0) and PW (1) are
// build arguments, the secrets npm (2) and t (3) are mounted, and an earlier
// instruction left .env (4).
func world(script string) Input {
	return Input{
		Script: script,
		Vars: map[string]Var{
			"TOKEN":   {Labels: []Label{0}, Exported: true},
			"PW":      {Labels: []Label{1}, Exported: true},
			"PUBLIC":  {Value: "hello", Known: true, Exported: true},
			"VERSION": {Value: "1.2.3", Known: true, Exported: true},
		},
		Files: []File{{Path: "/app/.env", Labels: []Label{4}}},
		Mounts: []Mount{
			{Kind: MountSecret, Target: "/run/secrets/npm", Labels: []Label{2}},
			{Kind: MountSecret, Target: "/run/secrets/t", Labels: []Label{3}},
			{Kind: MountCache, Target: "/cache"},
			{Kind: MountTmpfs, Target: "/scratch"},
			{Kind: MountBind, Target: "/src", ReadWrite: true},
			{Kind: MountSSH, Target: "/run/ssh"},
		},
		Dir: "/app",
		SecretName: func(name string) bool {
			name = strings.ToUpper(name)
			return strings.Contains(name, "PASSWORD") || strings.Contains(name, "TOKEN") || strings.Contains(name, "SECRET") || strings.Contains(name, "API_KEY")
		},
		Placeholder: func(v string) bool { return v == "" || v == "changeme" || strings.HasPrefix(v, "<") },
	}
}

func (f Flow) text() string {
	s := string(f.Kind)
	if f.Path != "" {
		s += " " + f.Path
	}
	s += " by " + f.By
	if len(f.Labels) > 0 {
		s += " " + fmt.Sprint(f.Labels)
	}
	return s
}

func texts(flows []Flow) string {
	var out []string
	for _, f := range flows {
		out = append(out, f.text())
	}
	return strings.Join(out, "; ")
}

type rows []row

func (rows rows) run(t *testing.T, change func(*Input)) {
	t.Helper()
	for _, row := range rows {
		in := world(row.script)
		if change != nil {
			change(&in)
		}
		res := Analyze(in)
		if res.Opaque != nil {
			t.Errorf("%s\n\topaque: %v", row.script, res.Opaque)
		}
		if got := texts(res.Flows); got != row.want {
			t.Errorf("%s\n\tgot  %s\n\twant %s", row.script, got, row.want)
		}
	}
}

func TestRemovedAndFiles(t *testing.T) {
	for _, tt := range []struct{ script, files, removed string }{
		{`true`, "/app/.env[4]", ""},
		{`rm .env`, "", "/app/.env@0-7"},
		{`cd / && rm -rf /app/.e*`, "", "/app/.env@8-23"},
		{`rm -rf /app/*`, "/app/.env[4]", ""},
		{`rm -rf /app`, "", "/app/.env@0-11"},
		{`: > .env`, "", "/app/.env@0-8"},
		{`echo x=$TOKEN > .env`, "/app/.env[0]", "/app/.env@0-20"},
		{`echo x=$TOKEN >> .env`, "/app/.env[0 4]", ""},
		{`mv .env /etc/env`, "/etc/env[4]", "/app/.env@0-16"},
		{`cp .env /etc/env`, "/app/.env[4] /etc/env[4]", ""},
		{`if [ -f .env ]; then rm .env; fi`, "", "/app/.env@21-28"},
		{`make || rm .env`, "/app/.env[4]", ""},
		{`echo $TOKEN > /cache/x`, "/app/.env[4]", ""},
	} {
		res := Analyze(world(tt.script))
		var files, removed []string
		for _, f := range res.Files {
			files = append(files, fmt.Sprint(f.Path, f.Labels))
		}
		for _, r := range res.Removed {
			removed = append(removed, fmt.Sprintf("%s@%d-%d", r.Path, r.Pos, r.End))
		}
		if got := strings.Join(files, " "); got != tt.files {
			t.Errorf("%s: files %q, want %q", tt.script, got, tt.files)
		}
		if got := strings.Join(removed, " "); got != tt.removed {
			t.Errorf("%s: removed %q, want %q", tt.script, got, tt.removed)
		}
	}
}

func TestConstants(t *testing.T) {
	for _, tt := range []struct{ script, want string }{
		{"true", ""},
		{"echo hi", ""},
		{"echo a b > /etc/x", `/etc/x "a b\n"`},
		{"echo a >> x; echo b >> x", `/app/x "a\n" /app/x "b\n"`},
		{"cat > ~/.netrc <<EOF\nmachine h\npassword p\nEOF\n", `/root/.netrc "machine h\npassword p\n"`},
		{"cat <<'EOF' > x\na $b\nEOF\n", `/app/x "a $b\n"`},
		{"printf '%s=%s' a b | tee -a x /y", `/app/x "a=b" /y "a=b"`},
		{"echo $TOKEN > x", ""},
		{"echo $PUBLIC > x", ""},
		{"echo $(date) > x", ""},
		{"echo a > /dev/null", ""},
	} {
		var got []string
		for _, c := range Analyze(world(tt.script)).Constants {
			got = append(got, fmt.Sprintf("%s %q", c.Path, c.Text))
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%q: %s, want %s", tt.script, s, tt.want)
		}
	}
}

func TestTrees(t *testing.T) {
	in := world(`cp -r . /srv/app && mv /srv/app /opt/app`)
	in.Files = []File{{Path: "/app", Labels: []Label{5}, Dir: true}}
	res := Analyze(in)
	want := []File{{"/app", []Label{5}, true}, {"/opt/app", []Label{5}, true}}
	if !reflect.DeepEqual(res.Files, want) {
		t.Errorf("got %v, want %v", res.Files, want)
	}
}

func TestPositions(t *testing.T) {
	for _, tt := range []struct{ script, want string }{
		{"true\necho $TOKEN > /etc/t\n", "echo $TOKEN > /etc/t"},
		{"true; { echo $TOKEN; } > /etc/t", "> /etc/t"},
		{"cat > /etc/t <<EOF\n$TOKEN\nEOF\n", "cat > /etc/t"},
		{"x=1 && git clone https://$TOKEN@h/r && true", "git clone https://$TOKEN@h/r"},
		{"sh -c 'true; tool $TOKEN'", "tool $TOKEN"},
		{`sh -c "true; tool $TOKEN"`, "tool $TOKEN"},
		{`eval "tool" "$TOKEN"`, `eval "tool" "$TOKEN"`},
		{"curl -fsS -u bob:hunter22 https://h/", "bob:hunter22"},
		{"export API_KEY=abcdef12 && make", "API_KEY=abcdef12"},
	} {
		res := Analyze(world(tt.script))
		if len(res.Flows) != 1 {
			t.Errorf("%q: %s", tt.script, texts(res.Flows))
			continue
		}
		if f := res.Flows[0]; tt.script[f.Pos:f.End] != tt.want {
			t.Errorf("%q: at %q, want %q", tt.script, tt.script[f.Pos:f.End], tt.want)
		}
	}
}

func TestOpaque(t *testing.T) {
	for _, tt := range []struct {
		script, shell string
		want          error
	}{
		{"echo hi", "", nil},
		{"if true; then", "", errors.New("parse")},
		{"Write-Host x", "powershell", &ShellError{}},
		{"echo x", "cmd", &ShellError{}},
		{"#!/usr/bin/env python\nprint(1)", "", &ShellError{}},
		{"#!/usr/bin/env -S bash -x\ntrue", "", nil},
		{"[[ a == b ]] && x=(1 2)", "sh", nil},
		{"echo x", "/bin/bash -eo pipefail -c", nil},
		{strings.Repeat("(", 3000) + "x" + strings.Repeat(")", 3000), "", ErrTooDeep},
		{strings.Repeat("(", 300000), "", ErrTooDeep},
		{"echo $((" + strings.Repeat("- ", 100000) + "1))", "bash", ErrTooDeep},
		{strings.Repeat("echo hi\n", 1<<17+1), "", ErrTooDeep},
		{strings.Repeat("f() { f; f; f; }; f\n", 1), "", ErrTooLong},
		{strings.Repeat("true\n", 200000), "", ErrTooLong},
	} {
		in := world(tt.script)
		in.Shell = tt.shell
		got := Analyze(in).Opaque
		var sh *ShellError
		ok := got == nil
		switch {
		case errors.As(tt.want, &sh):
			ok = errors.As(got, &sh)
		case tt.want == ErrTooDeep, tt.want == ErrTooLong:
			ok = errors.Is(got, tt.want)
		case tt.want != nil:
			ok = got != nil && strings.HasPrefix(got.Error(), "parse")
		}
		if !ok {
			t.Errorf("%.40q: opaque is %v, want %v", tt.script, got, tt.want)
		}
	}
}

func TestExecForm(t *testing.T) {
	for _, tt := range []struct {
		argv []string
		want string
	}{
		{[]string{"cp", "/run/secrets/npm", "/root/.npmrc"}, "written /root/.npmrc by cp [2]"},
		{[]string{"echo", "$TOKEN"}, ""},
		{[]string{"sh", "-c", "echo $TOKEN"}, "logged by echo [0]"},
		{[]string{"/bin/bash", "-exc", "tool $TOKEN"}, "argument by tool [0]; logged by set -x [0]"},
		{[]string{"npm", "ci"}, ""},
		{[]string{"env"}, "logged by env [0 1]"},
	} {
		in := world("")
		in.Exec = tt.argv
		res := Analyze(in)
		if got := texts(res.Flows); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.argv, got, tt.want)
		}
		for _, f := range res.Flows {
			if f.Pos != 0 || f.End != 0 {
				t.Errorf("%q: %d-%d", tt.argv, f.Pos, f.End)
			}
		}
	}
}

func TestUserAndHome(t *testing.T) {
	rows{
		{`npm config set //r/:_authToken $TOKEN`, "written /home/bob/.npmrc by npm config set [0]"},
		{`echo $TOKEN > ~/.netrc`, "written /home/bob/.netrc by > [0]"},
		{`sudo sh -c "echo $PW > ~/x"`, "written /root/x by > [1]"},
		{`sudo -E sh -c 'echo $PW > ~/x'`, "written /root/x by > [1]"},
		{`sudo sh -c 'echo $PW > ~/x'`, ""},
		{`echo $TOKEN > ~root/x`, "written /root/x by > [0]"},
	}.run(t, func(in *Input) { in.User = "bob" })
	rows{
		{`echo $TOKEN > "$HOME"/.netrc`, "written /h/.netrc by > [0]"},
		{`HOME=/tmp/h; echo $TOKEN > ~/.netrc`, "written /tmp/h/.netrc by > [0]"},
		{`HOME=/tmp/h npm config set //r/:_authToken $TOKEN`, "written /tmp/h/.npmrc by npm config set [0]"},
	}.run(t, func(in *Input) { in.Home = "/h" })
	rows{
		{`echo $TOKEN > ~/.netrc`, "written /env/.netrc by > [0]"},
	}.run(t, func(in *Input) { in.Vars["HOME"] = Var{Value: "/env", Known: true, Exported: true} })
}

// TestPure runs everything twice: a script says the same each time.
func TestPure(t *testing.T) {
	for _, row := range allRows() {
		a, b := Analyze(world(row.script)), Analyze(world(row.script))
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %v, then %v", row.script, a, b)
		}
	}
	if n := len(allRows()); n < 250 {
		t.Errorf("%d rows", n)
	}
}

func allRows() rows {
	return slices.Concat(wordRows, controlRows, logRows, coreRows, toolRows, gitRows, keyRows, inlineRows, cleanRows)
}

func TestWords(t *testing.T)   { wordRows.run(t, nil) }
func TestControl(t *testing.T) { controlRows.run(t, nil) }
func TestLogs(t *testing.T)    { logRows.run(t, nil) }
func TestCore(t *testing.T)    { coreRows.run(t, nil) }
func TestTools(t *testing.T)   { toolRows.run(t, nil) }
func TestGit(t *testing.T)     { gitRows.run(t, nil) }
func TestKeys(t *testing.T)    { keyRows.run(t, nil) }
func TestInline(t *testing.T)  { inlineRows.run(t, nil) }
func TestClean(t *testing.T)   { cleanRows.run(t, nil) }

func TestBash(t *testing.T) {
	rows{
		{`echo $TOKEN | tee /root/.{netrc,npmrc} >/dev/null`, "written /root/.netrc by tee [0]; written /root/.npmrc by tee [0]"},
		{`echo $TOKEN | tee /root/.{netrc,npmrc} >/dev/null; rm -f /root/.{netrc,npmrc}`, ""},
		{`echo $TOKEN &> /etc/t`, "written /etc/t by &> [0]"},
		{`a=(x "$TOKEN"); echo "${a[@]}" > /etc/t`, "written /etc/t by > [0]"},
		{`a=(x "$TOKEN"); echo "${a[0]}" > /etc/t`, ""},
		{`mapfile -t l < /run/secrets/npm; echo "${l[@]}" > /etc/t`, "written /etc/t by > [2]"},
		{`cat <<< "$TOKEN" > /etc/t`, "written /etc/t by > [0]"},
		{`cat <(echo $TOKEN) > /etc/t`, "written /etc/t by > [0]"},
		{`echo $TOKEN | tee >(cat > /etc/t) > /dev/null`, "written /etc/t by > [0]"},
		{`[[ -n $TOKEN ]] && echo set`, ""},
		{`echo "${TOKEN//a/b}" > /etc/t`, "written /etc/t by > [0]"},
		{`echo "${TOKEN:0:4}" > /etc/t`, "written /etc/t by > [0]"},
		{`f=TOKEN; echo "${!f}" > /etc/t`, "written /etc/t by > [0]"},
		{`source /run/secrets/npm; echo "$NPM" > /etc/t`, "written /etc/t by > [2]"},
		{`declare -x A=$TOKEN; env -u TOKEN -u PW > /etc/t`, "written /etc/t by env [0]"},
		{`declare -p`, "logged by declare [0 1]"},
		{`for ((i=0;i<3;i++)); do echo $TOKEN >> /etc/t; done`, "written /etc/t by >> [0]"},
		{`echo $TOKEN |& tee /etc/t >/dev/null`, "written /etc/t by tee [0]"},
		{`echo $'a\n'$TOKEN > /etc/t`, "written /etc/t by > [0]"},
		{`function f { local x=$TOKEN; echo $x > /etc/t; }; f; echo $x`, "written /etc/t by > [0]"},
	}.run(t, func(in *Input) { in.Shell = "bash" })
}
