package check

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/leakscan/leakscan/report"
)

// Check is one thing that is looked for. What it says at length, with a bad
// and a good example, is its page.
type Check struct {
	ID       string
	Title    string
	Severity report.Severity // where the image gets the secret; lower elsewhere
	Fix      string          // what to do, in one or two sentences
	Docker   string          // the rule of docker build --check that it covers; "": none
	Fixable  bool            // --fix mends it, where that is safe
}

// Docker's own rule, which looks at the names of ARG and ENV.
const secretsUsedInArgOrEnv = "SecretsUsedInArgOrEnv"

// Checks lists all checks, grouped by what they are about.
func Checks() []Check { return append([]Check(nil), checks...) }

// Find returns the check of that ID.
func Find(id string) (Check, bool) {
	for i := range checks {
		if checks[i].ID == id {
			return checks[i], true
		}
	}
	return Check{}, false
}

// The IDs of the checks. They are never reused.
const (
	idCopiedSecret       = "copied-secret"
	idSweptInSecret      = "swept-in-secret"
	idGitDirCopied       = "git-dir-copied"
	idCopiedThenRemoved  = "copied-then-removed"
	idCredentialFile     = "credential-file-copied"
	idBuilderCopied      = "builder-copied-secret"
	idBetweenStages      = "secret-copied-between-stages"
	idDockerignore       = "dockerignore-missing"
	idSSHKeyCopied       = "ssh-key-copied"
	idBindMounted        = "bind-mounted-secret"
	idWideContext        = "context-too-wide"
	idAddURL             = "add-url-credentials"
	idFromURL            = "from-url-credentials"
	idArgDefault         = "arg-default"
	idArgHistory         = "arg-in-history"
	idArgProvenance      = "arg-in-provenance"
	idEnvLiteral         = "env-literal"
	idEnvFromArg         = "env-from-arg"
	idLabel              = "label-secret"
	idCommand            = "command-secret"
	idHealthcheck        = "healthcheck-secret"
	idConfig             = "config-secret"
	idOnbuild            = "onbuild-secret"
	idProxy              = "proxy-credentials"
	idInline             = "inline-secret"
	idHeredoc            = "heredoc-secret"
	idDockerfile         = "dockerfile-secret"
	idPersisted          = "secret-persisted"
	idSavedByTool        = "secret-saved-by-tool"
	idGitCredentials     = "git-credentials-kept"
	idIndexURL           = "index-url-credentials"
	idDownloadArg        = "download-with-arg"
	idLogged             = "secret-logged"
	idCacheMount         = "secret-in-cache-mount"
	idEnvDumped          = "env-dumped"
	idFetched            = "fetched-secret-kept"
	idPassword           = "password-baked-in"
	idKeyGenerated       = "key-generated"
	idNotRequired        = "secret-not-required"
	idWideMode           = "secret-widely-readable"
	idMountTargetCopied  = "mount-target-copied"
	idStale              = "stale-secret"
	idNotGiven           = "secret-not-given"
	idInvocationBuildArg = "build-arg-secret"
	idComposeBuildArg    = "compose-build-arg"
	idBakeBuildArg       = "bake-build-arg"
	idCIBuildArg         = "ci-build-arg"
)

const (
	low      = report.SeverityLow
	medium   = report.SeverityMedium
	high     = report.SeverityHigh
	critical = report.SeverityCritical
)

// checks is read only.
var checks = []Check{
	// Files of the build context.
	{ID: idCopiedSecret, Severity: critical, Fixable: true,
		Title: "A file with a secret is copied into the image",
		Fix:   "Mount the file for the step that needs it: RUN --mount=type=secret,id=…,target=…,required=true, and build with --secret id=…,src=FILE."},
	{ID: idSweptInSecret, Severity: critical, Fixable: true,
		Title: "A wide COPY takes a file with a secret along",
		Fix:   "Name the file in .dockerignore, or copy only what the image needs."},
	{ID: idGitDirCopied, Severity: medium, Fixable: true,
		Title: "The .git directory is copied into the image",
		Fix:   "Add .git to .dockerignore: it holds every version of every file, and often a remote URL with a token."},
	{ID: idCopiedThenRemoved, Severity: critical, Fixable: true,
		Title: "A secret is copied and removed again, but stays in its layer",
		Fix:   "A later rm hides a file and deletes nothing. Mount it for the step that needs it: RUN --mount=type=secret,id=…,target=…."},
	{ID: idCredentialFile, Severity: medium, Fixable: true,
		Title: "A file that by its name holds credentials is copied",
		Fix:   "Mount it for the step that needs it, with RUN --mount=type=secret, in place of COPY."},
	{ID: idBuilderCopied, Severity: low, Fixable: true,
		Title: "A secret is copied into a stage that is not shipped",
		Fix:   "The image doesn't get it, but the build cache does, and whoever can read an exported cache (mode=max). Mount it instead."},
	{ID: idBetweenStages, Severity: critical,
		Title: "COPY --from takes a secret over from another stage",
		Fix:   "Copy only what the image needs, or mount the secret in the other stage so that it is in none of its files."},
	{ID: idDockerignore, Severity: low, Fixable: true,
		Title: "A wide COPY without a .dockerignore",
		Fix:   "Add a .dockerignore that names what must not get into the image: .git, .env, keys."},
	{ID: idSSHKeyCopied, Severity: critical, Fixable: true,
		Title: "An SSH private key is copied into the image",
		Fix:   "Use the agent's: RUN --mount=type=ssh git clone …, and build with --ssh default."},
	{ID: idBindMounted, Severity: low,
		Title: "A file with a secret is bind-mounted from the context",
		Fix:   "It is in no layer, but it is sent to the builder, kept in its cache and part of the cache key. Use RUN --mount=type=secret and keep the file out of the context."},
	{ID: idWideContext, Severity: medium,
		Title: "The build context is a home directory or the whole disk",
		Fix:   "Give a directory that holds only what the build needs."},

	// URLs.
	{ID: idAddURL, Severity: critical,
		Title: "ADD with credentials in its URL",
		Fix:   "The URL is in the history and the provenance. Fetch it in a RUN with --mount=type=secret, or give git the build's own credentials: --secret id=GIT_AUTH_TOKEN."},
	{ID: idFromURL, Severity: high,
		Title: "The name of an image or context has credentials in it",
		Fix:   "Log in to the registry (docker login) or use --secret id=GIT_AUTH_TOKEN; a name is recorded in the provenance."},

	// ARG, ENV and the rest of the config.
	{ID: idArgDefault, Severity: critical, Docker: secretsUsedInArgOrEnv,
		Title: "An ARG has a secret as its default",
		Fix:   "Whoever has the Dockerfile or the image's history has it: revoke it, and mount a secret where it is needed."},
	{ID: idArgHistory, Severity: high, Docker: secretsUsedInArgOrEnv, Fixable: true,
		Title: "A build argument with a secret is kept in the image's history",
		Fix:   "Use RUN --mount=type=secret,id=…,env=NAME in place of the ARG, and build with --secret in place of --build-arg."},
	{ID: idArgProvenance, Severity: medium, Docker: secretsUsedInArgOrEnv, Fixable: true,
		Title: "A build argument with a secret is kept in the provenance and the build cache",
		Fix:   "The image's history doesn't get it, but provenance (mode=max), build records and the cache do. Use RUN --mount=type=secret,id=…,env=NAME."},
	{ID: idEnvLiteral, Severity: critical, Docker: secretsUsedInArgOrEnv,
		Title: "ENV sets a secret",
		Fix:   "Every container and everyone who can pull the image can read it: revoke it, and pass it when the container starts."},
	{ID: idEnvFromArg, Severity: critical, Docker: secretsUsedInArgOrEnv,
		Title: "ENV keeps a build argument with a secret",
		Fix:   "Take the ENV away. If a step needs the value: RUN --mount=type=secret,id=…,env=NAME. If the program needs it: pass it when the container starts."},
	{ID: idLabel, Severity: critical,
		Title: "LABEL holds a secret",
		Fix:   "Labels can be read by everyone who can pull the image, or list it. Take it out, and revoke it."},
	{ID: idCommand, Severity: critical,
		Title: "CMD or ENTRYPOINT holds a secret",
		Fix:   "The command is part of the config and of every process list. Read it from the environment, or from a file that is mounted at run time."},
	{ID: idHealthcheck, Severity: critical,
		Title: "HEALTHCHECK holds a secret",
		Fix:   "The command is part of the config. Read the value at run time from the environment or a file."},
	{ID: idConfig, Severity: critical,
		Title: "An instruction that is kept in the config holds a secret",
		Fix:   "Everyone who can pull the image can read it: take it out, and revoke it."},
	{ID: idOnbuild, Severity: high,
		Title: "ONBUILD puts a secret into every image that is built on this one",
		Fix:   "Let the trigger mount a secret: ONBUILD RUN --mount=type=secret,id=…."},
	{ID: idProxy, Severity: high,
		Title: "A proxy URL with a password",
		Fix:   "Use a proxy without a password for builds, or set it in a secret: the value is recorded in the provenance, and with ARG or ENV in the image."},

	// What stands in the Dockerfile.
	{ID: idInline, Severity: critical,
		Title: "A secret is written out in a RUN",
		Fix:   "It is in the history: revoke it, and use RUN --mount=type=secret,id=…,env=NAME."},
	{ID: idHeredoc, Severity: critical,
		Title: "A here-document holds a secret",
		Fix:   "It is in a layer or the history: revoke it, and mount it as a secret."},
	{ID: idDockerfile, Severity: high,
		Title: "The Dockerfile holds a secret",
		Fix:   "The whole Dockerfile, comments included, is part of the provenance (mode=max) and of your repository: take it out, and revoke it."},

	// What a RUN does with a secret.
	{ID: idPersisted, Severity: critical,
		Title: "A RUN writes a secret into a file of the layer",
		Fix:   "Mount it where it is read: RUN --mount=type=secret,id=…,target=PATH,required=true. Or remove the file in the same RUN."},
	{ID: idSavedByTool, Severity: critical,
		Title: "A tool writes a secret into its configuration",
		Fix:   "Mount the tool's configuration file as a secret, or pass the value in the environment of the one command: RUN --mount=type=secret,id=…,env=NAME."},
	{ID: idGitCredentials, Severity: critical,
		Title: "git keeps the token of a remote URL in .git/config",
		Fix:   "Use RUN --mount=type=ssh, or ADD of the git URL with --secret id=GIT_AUTH_TOKEN, or a credential helper that reads the mounted secret; or remove .git in the same RUN."},
	{ID: idIndexURL, Severity: high,
		Title: "The URL of a package index has credentials in it",
		Fix:   "Mount pip.conf, .npmrc, .netrc or the like as a secret, or put the URL together from a secret: RUN --mount=type=secret,id=…,env=NAME."},
	{ID: idDownloadArg, Severity: high,
		Title: "A download is authorised by a build argument",
		Fix:   "The history has the value, and the build's log shows the command with it: RUN --mount=type=secret,id=…,env=NAME."},
	{ID: idLogged, Severity: medium,
		Title: "A RUN prints a secret into the build's log",
		Fix:   "Logs are kept by CI and by the build's history: take out set -x, env, echo and -v around secrets."},
	{ID: idCacheMount, Severity: medium,
		Title: "A secret is written into a cache mount",
		Fix:   "Every later build that mounts the cache can read it. Mount the file as a secret over the cache, or write it elsewhere and remove it in the same RUN."},
	{ID: idEnvDumped, Severity: high,
		Title: "The environment, secrets included, is written to a file",
		Fix:   "Write only the variables that are needed, or remove the file in the same RUN."},
	{ID: idFetched, Severity: high,
		Title: "A secret that a RUN fetches is kept in the layer",
		Fix:   "Fetch it when the container starts, or use it and remove it in the same RUN."},
	{ID: idPassword, Severity: high,
		Title: "A password is set in the build",
		Fix:   "Every container of the image has the same one, and its hash is in a layer. Set it when the container starts, or have no password."},
	{ID: idKeyGenerated, Severity: high,
		Title: "A private key is generated in the build",
		Fix:   "Every container of the image has the same key, and everyone who can pull it. Generate it when the container starts, or remove it in the same RUN."},

	// Mounts.
	{ID: idNotRequired, Severity: low, Fixable: true,
		Title: "A secret mount is not required",
		Fix:   "Without required=true a build that isn't given the secret goes on, and may fall back to something less safe."},
	{ID: idWideMode, Severity: low, Fixable: true,
		Title: "A secret mount can be read by every user of the step",
		Fix:   "Give it to the user who needs it: uid=…,mode=0400."},
	{ID: idMountTargetCopied, Severity: critical,
		Title: "A secret is mounted inside a directory that the same RUN copies",
		Fix:   "Mount it outside of what is copied, at /run/secrets/… for instance, or leave it out of the copy."},
	{ID: idStale, Severity: low,
		Title: "The step stays cached when the secret changes",
		Fix:   "What is derived from a secret is built again only if the step changes: use --no-cache-filter for the stage after a rotation, or set it when the container starts."},
	{ID: idNotGiven, Severity: medium,
		Title: "A secret is used that the build isn't given",
		Fix:   "Add --secret id=… to the build, or correct the id."},

	// What drives the build.
	{ID: idInvocationBuildArg, Severity: high,
		Title: "A secret is passed as a build argument",
		Fix:   "Pass it with --secret id=…,env=NAME and mount it: build arguments are in the history and the provenance."},
	{ID: idComposeBuildArg, Severity: high,
		Title: "A compose file passes a secret as a build argument",
		Fix:   "Use build.secrets, with a top-level secret that comes from the environment or a file."},
	{ID: idBakeBuildArg, Severity: high,
		Title: "A bake file passes a secret as a build argument",
		Fix:   "Use secret = [\"id=…,env=NAME\"] in the target in place of args."},
	{ID: idCIBuildArg, Severity: high,
		Title: "A workflow passes a secret as a build argument",
		Fix:   "Use the secrets input of docker/build-push-action, or --secret, in place of build-args."},
}

//go:embed pages
var pages embed.FS

// Page is what a check says at length.
type Page struct {
	Check
	Text      string            // paragraphs: what happens, who can read it, what to do
	Bad, Good map[string]string // files by path: a Dockerfile and what its context holds
}

// ReadPage returns the page of a check.
func ReadPage(id string) (*Page, error) {
	c, ok := Find(id)
	if !ok {
		return nil, fmt.Errorf("there is no check %q", id)
	}
	b, err := fs.ReadFile(pages, "pages/"+id+".txtar")
	if err != nil {
		return nil, fmt.Errorf("the page of the check %s: %w", id, err)
	}
	a := txtar.Parse(b) // %{name} in it stands for a secret, which the tests put in
	p := &Page{Check: c, Text: strings.TrimSpace(string(a.Comment)), Bad: map[string]string{}, Good: map[string]string{}}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "bad/"); ok {
			p.Bad[name] = string(f.Data)
		} else if name, ok := strings.CutPrefix(f.Name, "good/"); ok {
			p.Good[name] = string(f.Data)
		}
	}
	return p, nil
}

// pageURL is where the page of a check can be read.
func pageURL(id string) string {
	return "https://github.com/leakscan/leakscan/blob/main/docs/checks/" + id + ".md"
}

// madeUp shows what the tests put a made-up secret in the place of.
var madeUp = strings.NewReplacer("%{ssh-key}", "(a private key)")

// Terminal writes the page for a terminal.
func (p *Page) Terminal() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n%s.\n\n%s\n\nWhat to do: %s\n", p.ID, p.Severity, p.Title, p.Text, p.Fix)
	for _, side := range []struct {
		title string
		files map[string]string
	}{{"Bad", p.Bad}, {"Good", p.Good}} {
		for _, name := range slices.Sorted(maps.Keys(side.files)) {
			fmt.Fprintf(&b, "\n%s: %s\n", side.title, name)
			for line := range strings.Lines(madeUp.Replace(side.files[name])) {
				b.WriteString("    " + line)
			}
		}
	}
	return b.String()
}

// Markdown writes the page for docs/checks.
func (p *Page) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s. Severity: %s, where the image gets the secret; lower elsewhere.\n\n%s\n\n**What to do**: %s\n", p.ID, p.Title, p.Severity, p.Text, p.Fix)
	if p.Fixable {
		b.WriteString("`leakscan check --fix` does it where that is safe.\n")
	}
	if p.Docker != "" {
		fmt.Fprintf(&b, "\nBeside the rule %s of `docker build --check`, which looks at names alone.\n", p.Docker)
	}
	for _, side := range []struct {
		title string
		files map[string]string
	}{{"Bad", p.Bad}, {"Good", p.Good}} {
		fmt.Fprintf(&b, "\n## %s\n", side.title)
		for _, name := range slices.Sorted(maps.Keys(side.files)) {
			fmt.Fprintf(&b, "\n`%s`\n\n```\n%s```\n", name, madeUp.Replace(side.files[name]))
		}
	}
	fmt.Fprintf(&b, "\nTo take a finding back: `# leakscan:allow %s REASON` before the instruction.\n", p.ID)
	return b.String()
}
