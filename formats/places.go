package formats

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Packaged reports whether a path is where a package manager puts what others
// have published; and if so, whether it is in a package's tests, examples or
// documentation.
func Packaged(path string) (packaged, fixture bool) {
	at := packageAt(path)
	if at < 0 {
		return false, false
	}
	if whl := strings.Index(path[at:], "!/"); whl >= 0 && !strings.Contains(path[at+1:at+whl], "/") {
		return true, false // a package that lies about may be one's own: nothing in it is harmless by its place
	}
	return true, fixtures().MatchString(strings.ToLower(path[at:]))
}

// inPackage is the first answer of Packaged, which is the cheaper one.
func inPackage(path string) bool { return packageAt(path) >= 0 }

// packageAt returns where the tree of a package manager begins in a path; -1: it
// is in none.
func packageAt(path string) int {
	if !slices.ContainsFunc(treeMarks, func(m string) bool { return strings.Contains(path, m) }) {
		return -1
	}
	if i := strings.Index(path, "node_modules/"); i == 0 || i > 0 && path[i-1] == '/' { // by far the most
		return i
	}
	loc := packageTrees().FindStringIndex(path)
	if loc == nil {
		return -1
	}
	if rest, ok := strings.CutPrefix(strings.TrimPrefix(path[loc[0]:], "/"), "usr/share/"); ok {
		_, rest, _ := strings.Cut(rest, "/")
		switch dir, _, inside := strings.Cut(rest, "/"); dir {
		case "html", "conf", "config", "pipeline", "secrets", "certs":
			if inside { // where official images have a site, or settings
				return -1
			}
		}
	}
	return loc[0]
}

// treeMarks are in every path that packageTrees matches.
var treeMarks = []string{"node_modules/", "usr/", "lib/", "-packages/", "pkg/mod/", "google-cloud-sdk/", "_components/", ".cargo/", ".m2/", ".gradle/", ".nuget/", "gems/", "vendor/", ".npm/", "-INF/lib/", ".whl!/", ".egg!/", ".gem!/", ".crate!/", ".nupkg!/"}

var packageTrees = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|/)(?:node_modules|bower_components|site-packages|dist-packages|pkg/mod|google-cloud-sdk|usr/local/go|usr/lib|usr/libexec|usr/share|usr/include|usr/src/(?:linux|kernels)[^/]*|lib/python[23][0-9.]*|usr/local/lib|var/lib/(?:dpkg|apk|rpm|apt)|\.cargo/registry|\.m2/repository|\.gradle/caches|\.nuget/packages|\.npm/_cacache|(?:BOOT|WEB)-INF/lib|[^/]+\.(?:whl|egg|gem|crate|nupkg)!|gems/[^/]+-[0-9][^/]*|vendor/(?:bundle|cache|github\.com|golang\.org|[a-z0-9_.-]+/[a-z0-9_.-]+/(?:src|lib|tests?)))/`)
})

var fixtures = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`/(?:__?tests?__?|tests?|testing|testdata|test[_-][^/]*|[^/]*[_-]tests?|testsuite|unittests?|specs?|fixtures?|__fixtures__|mocks?|__mocks__|examples?|samples?|demos?|docs?|documentation|recordings?|cassettes?|scripts|man|gtk-doc|doc-base|benchmarks?|bench|cookbook|snippets|licenses?|e2e|hack|contrib|distro|\.github|playbooks|molecule|vagrant|[^/]*fake[^/]*)/|(?:^|[/_-])(?:readme|changelog|changes|news|contributing|license|copyright)(?:[._-][^/]*)?$|/(?:history|security)(?:\.(?:md|txt|rst|html))?$|\.(?:md|markdown|rst|adoc|html?|1|3|5|7|8|txt\.gz|gz|xsd|dtd|pod)$|[._-](?:test|tests|spec|mock)s?\.[a-z0-9]+$|(?:swagger|openapi)[^/]*\.(?:ya?ml|json)$|fake[^/]*$|\.(?:example|sample|template)$|docker-compose[^/]*\.ya?ml$|[a-z]+-compose\.ya?ml$|/test_[^/]*$`)
})

// Source reports whether a file is a program, a text or data of one, by its
// extension: what a package has of tokens there is as public as the package.
func Source(path string) bool {
	base := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	dot := strings.LastIndexByte(base, '.')
	if dot <= 0 {
		return false
	}
	ext := base[dot+1:]
	return styleOf(strings.ToLower(path), base) == codeStyle || textExtensions[ext]
}

var textExtensions = wordSet(`zip css scss less map svg txt tsv csv md rst adoc po pot mo pyc pyi pyx so a o exe dll node wasm bin dat db snap golden tmpl tpl mustache hbs ejs pug proto graphql cue bzl bazel cmake am in m4 el vim tex`)
