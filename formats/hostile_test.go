package formats

import (
	"strings"
	"testing"
	"time"
)

// TestHostile feeds texts that are made to take long. The bound is wide: what
// it is for took from seven seconds to a minute.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	const size = 1 << 20
	again := func(s string) string { return strings.Repeat(s, size/len(s)+1)[:size] }
	loop := strings.Repeat("for i in a b c;do ", 100) + "curl -u x:y $i " + strings.Repeat(";done", 100) + "\n"
	calls := "f(){ for i in a b c;do curl -u x:y $i;done;};" + strings.Repeat("f;", 200) + "\n"
	for _, c := range []struct{ path, text string }{
		{"app/x.sh", strings.Repeat(loop, 400)},
		{"", again(loop)},
		{"app/x.sh", again(calls)},
		{"app/x.py", again(`auth=(\"`)},
		{"app/x.js", again(`pw="Ab9xQ";`)},
		{"app/x.py", again(`password="Ab9xQ2zz" `)},
		{"app/x.json", again(`"password":"Ab9xQ2zz",`)},
		{"app/x.py", again(`auth=("a","bcde9")`)},
		{"etc/radius/users", again(`Cleartext-Password "a"`)},
		{"app/x.yml", again(`{password: Ab9x, `)},
		{"root/.bash_history", again("<<A\n")},
		{"root/.bash_history", again("curl <<A\n\n\n\n\n")},
		{"root/.m2/settings.xml", again(`<password>Ab9xQ2zz</password>`)},
		{"app/x.xml", again(`<param name="password">Ab9xQ2zz</param>`)},
		{"app/x.yml", again("password: |\n")},
		{"app/x.tf", again(`variable "db_password" { default = "x" `)},
		{"app/x.csv", "a,password\n" + again("x,Ab9xQ2zz\n")},
		{"app/x.conf", again("auth_pass Ab9xQ2zz ")},
		{"app/x.txt", again("api_key Ab9xQ2zz ${X:-Ab9xQ2zzz} ")},
		{"app/x.json", again(`{"name":"password","value":"x",`)},
		{"app/x.json", again(`"password":["x",`)},
		{"", "RUN |1 " + again("PASSWORD=Ab9xQ2zz ")},
	} {
		began := time.Now()
		hits := Find(c.path, []byte(c.text))
		check(t, c.path, []byte(c.text), hits)
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s %.40q…: %v", c.path, c.text, d)
		} else if d > time.Second {
			t.Logf("%s %.40q…: %v", c.path, c.text, d)
		}
	}
}
