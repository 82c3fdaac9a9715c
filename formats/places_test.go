package formats

import "testing"

// What others have published is told by its place; what may be one's own is not,
// nor is anything in it harmless for the name of its directory.
func TestPackagedArchives(t *testing.T) {
	for path, want := range map[string][2]bool{
		"opt/app.jar!/BOOT-INF/lib/spring.jar!/META-INF/x":                  {true, false},
		"opt/app.jar!/BOOT-INF/classes/application.properties":              {false, false},
		"root/go/pkg/mod/cache/download/x/@v/v1.zip!/x@v1/testdata/key.pem": {true, true},
		"root/.npm/_cacache/content-v2/sha512/aa/bb!/package/docs/x.md":     {true, true},
		"opt/myapp-1.0-py3-none-any.whl!/myapp/docs/settings.py":            {true, false},
		"usr/lib/python3/dist-packages/x.whl!/x/tests/settings.py":          {true, true},
		"root/backup.tgz!/package/scripts/deploy.env":                       {false, false},
		"srv/releases@v/app.zip!/docs/settings.env":                         {false, false},
	} {
		packaged, fixture := Packaged(path)
		if packaged != want[0] || fixture != want[1] {
			t.Errorf("%s: packaged %v, fixture %v", path, packaged, fixture)
		}
	}
}
