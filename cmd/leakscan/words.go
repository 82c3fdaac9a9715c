package main

// The words that a user reads in help texts and messages, apart from the
// report's, which are in package report. How they are written: say what it
// does for the reader, in the present, in plain words; an error names what was
// read and brings the next thing to try; no blame, no exclamation marks.

const (
	scanShort = "Find the secrets that container images give away"

	scanLong = `leakscan reads every layer of a container image, the files that later layers
delete included, its config and history, its manifests and attestations, and
reports the secrets in them: what each is, in which layer and instruction, what
became of it, how to see it and how to mend it.

An IMAGE without a prefix is a file or directory of that name, else an image in
docker, podman, containerd or a registry, in this order. "-" reads the standard
input. A prefix asks one source only:

  docker:IMAGE  podman:IMAGE  containerd:IMAGE  registry:IMAGE
  docker-archive:FILE   what docker save writes
  oci-archive:FILE      an OCI layout in a tar
  oci-dir:DIR           an OCI layout
  dir:DIR  file:FILE    plain files, read as one layer

Exit status: 0 clean and complete; 1 leaks; 2 something could not be read or
verified; 3 both; 64 wrong usage; 130, 143 interrupted. With 0, every byte was
read, verified and scanned.

Every flag can be set by a variable: LEAKSCAN_FAIL_ON=high for --fail-on high.`

	scanExample = `  leakscan myapp:1.4
  leakscan registry.example/app@sha256:…
  leakscan ./image.tar ./oci-layout
  docker save myapp:1.4 | leakscan -
  leakscan -o json myapp:1.4 > report.json
  leakscan -o text -o json=report.json --fail-on high myapp:1.4
  leakscan --platform all registry.example/app:1.4
  leakscan -o text -o html=report.html -o sarif=leakscan.sarif --dockerfile Dockerfile myapp:1.4
  leakscan --baseline leakscan-baseline.json --base debian:13 myapp:1.5
  leakscan --config .gitleaks.toml myapp:1.4
  leakscan demo`

	extractShort = "Write a file out of a layer, as a finding names it"

	extractLong = `extract writes one file of one layer to the standard output or a file, also if
later layers deleted it. WHERE is LAYER:PATH, LAYER a number from 1 (the lowest)
or a digest. config:FIELD, manifest:FIELD and index:FIELD write a field of a
document. Without a path, the whole document or layer is written.

What it writes is the leaked secret in clear. So it does not write to a
terminal, unless --force says so.`

	extractExample = `  leakscan extract myapp:1.4 4:/app/.env | less
  leakscan extract myapp:1.4 4:/app/.env -f env.txt
  leakscan extract myapp:1.4 'config:config.Env[3]' --force
  leakscan extract ./image.tar config`

	demoShort = "Scan a small leaky image that is made on the spot"

	demoLong = `demo builds a small image in memory that leaks in every way there is, and scans
it: no daemon and no network are needed. Its secrets are made up. It exits with
0 if it found what it should.`

	rulesShort = "List the rules, or show single ones and how they run"

	rulesLong = `rules lists the rules that a scan goes by: leakscan's own or, with --config, those
of a file in gitleaks' form. With the ID of a rule it shows all that the rule
says; with --verbose, how each rule runs and why.`

	rulesExample = `  leakscan rules
  leakscan rules github-pat generic-api-key
  leakscan rules --config .gitleaks.toml --verbose
  leakscan rules -o json | jq -r '.rules[].id'`

	noUnpackUsage = "don't look into archives that lie in a layer, such as jars: they are scanned as the bytes they are"
	configUsage   = "take the rules from `FILE`.toml, in gitleaks' form, or the settings from FILE.yaml (default: our rules; .leakscan.yaml)"

	baselineShort = "Write what an image has today, so that only what is new counts"

	baselineLong = `baseline scans images and writes the fingerprints of what they have. With
--baseline FILE a scan takes that back: it is counted as suppressed, and only what
is new fails. Fingerprints are the same after a rebuild. No secret is in the file,
so it can be committed.`

	baselineExample = `  leakscan baseline myapp:1.4 -o leakscan-baseline.json
  leakscan --baseline leakscan-baseline.json myapp:1.5`

	diffShort = "Say which findings are new, and which are mended"

	diffLong = `diff compares two images, two reports in JSON, or one of each. Findings are told
apart by their fingerprints, which are the same after a rebuild.

Exit status: 1 if a new finding reaches --fail-on; 2 if something could not be
read; 3 both.`

	diffExample = `  leakscan diff myapp:1.4 myapp:1.5
  leakscan diff report-of-main.json myapp:candidate -o json`

	configShort = "Show the settings that are in force"

	configLong = `Settings are in .leakscan.yaml, in the working directory or above it, up to the
root of its git repository; else in leakscan/config.yaml of the user's directory of
settings; or in the file that --config or LEAKSCAN_CONFIG names. Its keys are the
flags of a scan, "rules" (a file of rules) and "ignore" (a list of entries). A flag
beats a variable, a variable the settings.`

	configShowShort   = "Show each setting and where it comes from"
	configSchemaShort = "Write the JSON Schema of .leakscan.yaml"
	configNone        = "no file of settings"

	baseNotNamed = "--fail-on-base without --base: which image is it built from?"
	baseGap      = "not all of the base image %s could be read, and some of it may be told as one's own: %s"

	settingsNoMap        = "%s: want keys and values, as in fail-on: high"
	settingsUnknown      = "unknown key %q"
	settingsTwice        = "%s is given twice, first in line %d"
	settingsNoValue      = "%s wants one value"
	settingsNoList       = "ignore wants a list of entries, each with a fingerprint or a rule, and a reason"
	settingsTwoDocuments = "%s: it has more than one document, and only one is read"
	settingsInsecure     = "settings that were found can't switch verification off: use --insecure, or name the file with --config"
	settingsOutside      = "settings that were found may write below their own directory only: name the file with --config"
	notYours             = "%s is not read, because it is neither yours nor root's: %s %s reads it"
	inTheTree            = "%s is not read, because it lies in what is scanned: %s %s reads it"
	twoInFile            = "-o %s and -o %s would both go to %s"
	dockerfileOutside    = "the Dockerfile %s is outside of %s, so that no report can name it"
	settingsNotRead      = "%s can't be read: %v"

	baselineIncomplete = "no baseline is written: not everything could be read"
	baselineWritten    = "The baseline has %s, in %s.\n"
	diffSummary        = "%d new, %d in more places, %d mended, %d unchanged\n"

	ruleHelpText     = "%s\n\nHow it gets into images: %s\n\nRevoke it: %s\n\nKeep it out: %s\n"
	ruleHelpMarkdown = "%s\n\n- **How it gets into images:** %s\n- **Revoke it:** %s\n- **Keep it out:** %s\n\n`leakscan explain %s` has examples.\n"

	checkShort = "Say what a build would give away, before it is built"

	checkLong = `check reads a Dockerfile, the files of the build context that it takes, and
compose files, bake files and GitHub workflows, and says which secrets will end
up in a layer, the config, the history, the provenance, the cache or the log,
and how to mount them instead. Nothing is built, and no daemon is asked.

An argument is a directory with a Dockerfile, a Dockerfile, "-" for one on the
standard input, or a file that drives builds: compose.yaml, docker-bake.hcl or
.json, .github/workflows/*.yml. The flags of docker build say how it is built.

With --fix the Dockerfile and .dockerignore are corrected where that is safe,
and the flags to build with are printed; --diff shows the changes only.

A comment "# leakscan:allow ID reason" before an instruction takes a finding
back. leakscan explain ID says what a check is about.

Exit status: 0 clean and complete; 1 problems; 2 something could not be read or
followed; 3 both; 64 wrong usage.`

	checkExample = `  leakscan check
  leakscan check ./app -f build/Dockerfile --target release
  leakscan check --build-arg VERSION=1.4 --secret id=npmrc,src=$HOME/.npmrc .
  leakscan check compose.yaml docker-bake.hcl .github/workflows/*.yml
  leakscan check --fix --diff
  leakscan check - < Dockerfile`

	explainShort = "Explain a check or a rule, with examples"

	explainLong = `explain says what a check of leakscan check looks for, why it matters, and how
to mend it, with a bad and a good Dockerfile. Of a rule it says what the secret
opens, how it gets into images, how to revoke it and how to keep it out, with
examples of what is found and what is passed: "…" stands for random characters.
Without an ID, it lists the checks.`

	explainExample = `  leakscan explain
  leakscan explain arg-in-history github-pat`

	versionShort = "Show the version of leakscan and of its rules"

	seeHelp           = "See %s --help."
	takesNoArgument   = "%s takes no argument, and was given %s"
	noSuchCommand     = "there is no command %s"
	noCommandScan     = "there is no command scan: leakscan %s"
	andThereIs        = ", and %s"
	baselineWants     = "which image? Try: leakscan baseline IMAGE -o FILE"
	diffWants         = "which two? Try: leakscan diff OLD NEW"
	noImage           = "which image? Try: leakscan IMAGE, or leakscan demo"
	unknownFormat     = "%s: unknown format %q: want one of %s"
	twoOnStdout       = "-o %s and -o %s would both go to the standard output: give one of them a file, as in -o %s=FILE"
	unknownVariable   = "%s is set, but leakscan has no flag of that name: it is ignored"
	unknownConfidence = "%s %q: want low, medium or high"
	unknownLevel      = "%s %q: want low, medium, high, critical or never"
	unknownProgress   = "%s %q: want auto, plain, tty, rawjson or quiet"
	noTerminal        = "%s %s: the standard error is no terminal"
	progressPhase     = "Scanning" // as in [+] Scanning 1.2s (1/1)
	progressStep      = "scan"
	unknownColor      = "%s %q: want auto, always or never"
	unknownShow       = "%s=%s: want nothing, or force"
	showNeedsTTY      = "--show-secrets shows them on a terminal only; --show-secrets=force writes them elsewhere too"
	wantTwo           = "want IMAGE and WHERE, as in: leakscan extract myapp:1.4 4:/app/.env"
	badWorkers        = "%s %d: want 0, for one a core, or more"
	badBytes          = "%s %d: want 1 or more"
	terminalRefused   = "the standard output is a terminal, and this is a leaked secret in clear: redirect it, use -f FILE, or --force"
	cannotWrite       = "%s can't be written: %w"
	interrupted       = "interrupted: the report has what was found until then"
	fixOne            = "--fix mends one build at a time: give one directory or Dockerfile"
	fixChanged        = "%s is corrected.\n"
	fixWritten        = "%s is new.\n"
	fixNothing        = "Nothing is mended.\n"
	fixMended         = "%s mended.\n"
	fixRefused        = "%s:%d: %s is left to you: %s.\n"
	noSuchCheck       = "there is no check and no rule %s; leakscan explain lists the checks, leakscan rules the rules"
	badBuildArg       = "--build-arg without a name: want NAME=VALUE or NAME"
	badSecret         = "--secret %q: want id=ID, and if you like src=FILE or env=NAME"
	badContext        = "--build-context %q: want NAME=PATH"
	noSuchRule        = "there is no rule %s"
	didYouMean        = "; did you mean %s?"
	rulesOf           = "scanned with the rules of %s: %s"
	pathsAllowed      = "; its path allowlist lets files pass unscanned"
	demoSaved         = "The image is in %s.\n"
	demoNote          = "this image is made up and in memory only; leakscan demo --save demo.tar writes it, for the commands above"
	demoMissed        = "the demo found %d secrets in place of %d: this leakscan does not work as it should"
)

// What leakscan rules says of a rule.
const (
	headID      = "ID"
	labelLeaks  = "leaks by"
	labelRevoke = "revoke"
	labelFix    = "keep out"
	labelDocs   = "see"
	labelFinds  = "found"
	labelPasses = "passed"
	howRuleRuns = "leakscan rules %s says how it is matched."
	whyShort    = "Say what each rule did in a file of an image, and why"
	whyLong     = `why scans one file of an image, or one field of its config, and lists the rules that
looked at it, by line: what was tried, found, dropped (and which condition does not
hold), lowered to info, or left to another rule. It shows no secret.`
	whyExample = `  leakscan why myapp:1.4 /app/.env
  leakscan why myapp:1.4 /app/config.py:12
  leakscan why myapp:1.4 'config.Env[3]'`
	whyWants       = "why wants an image and a path in it"
	whyNoFile      = "%s has no file or field %q"
	whyFile        = "%s (%s)"
	whyLine        = "line %d"
	whyAnywhere    = "the file"
	whyNothing     = "no rule has anything to do with it"
	headSeverity   = "SEVERITY"
	headConfidence = "CONFIDENCE"
	headTitle      = "TITLE"

	labelTitle    = "title"
	labelRating   = "rating"
	labelText     = "about"
	labelPath     = "path"
	labelPattern  = "pattern"
	labelSecret   = "secret"
	labelEntropy  = "entropy"
	labelKeywords = "keywords"
	labelRequired = "requires"
	labelReport   = "report"
	labelTags     = "tags"
	labelAllowed  = "allowed"
	labelRuns     = "runs"
	labelLiterals = "literals"
	labelMatch    = "match"
	labelGate     = "needs"

	ratingWords    = "%s, %s confidence"
	secretGroup    = "group %d of the pattern"
	secretFirst    = "the first group of the pattern that matched something, or all of the match"
	secretMatch    = "all of the match"
	entropyWords   = "more than %g bits a character"
	anyWhere       = "%s in the same file"
	withinWords    = "%s within %s"
	notReported    = "no: it is there for the rules that require it"
	anyOf          = "if any of these fits"
	allOf          = "if one of each kind of these fits"
	fitsPattern    = "%s fits "
	targetSecret   = "the secret"
	targetMatch    = "the match"
	targetLine     = "the line"
	targetPath     = "the path"
	hasStopWords   = "the secret has one of %s: "
	keywordsApart  = "the file must have one of these, in the match or elsewhere: %s"
	matchExactly   = "%s long"
	matchBetween   = "%d to %s long"
	matchAtLeast   = "%s long, or longer"
	allowlistCount = "%s for all of them"
)

// howItRuns says what detect.Explanation.Path means.
func howItRuns(path string) string {
	switch path {
	case "template":
		return "at each place where its name stands before an operator and a value"
	case "literal":
		return "at each of its literals"
	case "window":
		return "in a window around each of its literals"
	case "run":
		return "around long runs of the characters that it needs"
	case "whole":
		return "over the whole text"
	case "path only":
		return "on the path of a file alone"
	}
	return path
}
