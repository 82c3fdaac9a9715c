package main

// The words of the commands that stand in front of a build; see words.go.

const (
	buildShort = "Run docker build, and let nothing leaky out of it"

	buildLong = `build runs docker build (docker buildx build, where there is buildx) with the
arguments that it is given, and stands between it and BuildKit: what the build
makes is scanned inside the build, step by step, before anything is pushed,
loaded or written. With a leak the build fails, and says where; a clean one is,
to the byte, what it would have been without leakscan.

First the Dockerfile and the build context are checked, as leakscan check does.
The values of --secret, of build arguments with the name of a secret and of
proxies with a password are searched for in every spelling, and masked in the
build's output.

Flags of leakscan's own begin with --leakscan-, and can be set by variables too
(LEAKSCAN_FAIL_ON=high):

  --leakscan-fail-on SEVERITY       stop a build with leaks of this severity and
                                    above: low, medium, high, critical, never (medium)
  --leakscan-fail-on-base SEVERITY  the same for what others have made: base images, and
                                    the trees of package managers (never: it is told)
  --leakscan-on-error stop|warn     a build that can't be scanned (stop)
  --leakscan-check stop|warn|off    the check of the Dockerfile: stop at problems
                                    that are high or critical, or only show them (stop)
  --leakscan-attest                 attach an attestation that it was scanned (in-toto
                                    test-result) to a clean image
  --leakscan-no-unpack              don't look into archives, such as jars
  --leakscan-config FILE            rules, as for leakscan IMAGE
  --leakscan-scanner FILE           the leakscan for Linux that scans in the build;
                                    needed on other systems

Exit status: that of docker build; 1 if the check stopped it; 64 wrong usage.`

	buildExample = `  leakscan build -t myapp:1.4 .
  leakscan build --push -t registry.example/myapp:1.4 --secret id=npmrc,src=.npmrc .
  leakscan build --leakscan-fail-on high -t myapp:1.4 .`

	buildxShort = "Run docker buildx, bake for instance, and let nothing leaky out of it"

	buildxLong = `buildx runs docker buildx with the arguments that it is given, behind the same
gate as leakscan build: build, and bake with many targets. leakscan build --help
has the flags of leakscan's own.`

	buildxExample = `  leakscan buildx build --platform linux/amd64,linux/arm64 --push -t registry.example/myapp .
  leakscan buildx bake --push`

	runShort = "Run any command that builds, and let nothing leaky out of it"

	runLong = `run runs a command with DOCKER_HOST and BUILDX_BUILDER set so that all that it
builds goes through the gate: docker compose, make, a script. What it pushes,
saves or commits through the engine is scanned as well.`

	runExample = `  leakscan run -- docker compose build
  leakscan run --fail-on high -- make image`

	gateShort = "Serve the gate for builds that others start"

	gateLong = `gate serves a BuildKit or a Docker engine at a socket, through the gate of
leakscan build, until it is stopped: for a CI runner, or for a builder that
several projects use. A unix socket is made for this user alone.`

	gateExample = `  leakscan gate --listen unix:///run/leakscan.sock --upstream unix:///run/buildkit/buildkitd.sock
  docker buildx create --name gated --driver remote unix:///run/leakscan.sock

  leakscan gate --listen unix:///run/leakscan.sock --upstream docker
  DOCKER_HOST=unix:///run/leakscan.sock docker build .`

	rootShort      = "Find secrets in images, and keep them out of builds"
	noCommand      = "there is no command to run"
	noDocker       = "there is no docker and no buildx on the PATH"
	noBuildx       = "there is no docker buildx and no buildx on the PATH"
	unknownOnError = "%s %q: want stop or warn"
	unknownCheck   = "%s %q: want stop, warn or off"
	noKey          = "no key can be kept for this user, so that scans of builds are not cached: %w"
	badUpstream    = "--upstream %q: %v"
	badListen      = "--listen %q: %v"
	gateServes     = "leakscan: the gate is at %s, in front of %s\n"
	checkStopped   = "leakscan: stopped before the build; --leakscan-check=warn goes on"
)

const (
	installShort = "Make leakscan a plugin of docker"

	installLong = `install makes docker leakscan another name of leakscan: a link in docker's
directory of plugins. With --docker-build, docker build itself goes through
leakscan from now on: the alias "builder" in docker's config.json, of which a
copy is kept. leakscan uninstall takes both back.`

	installExample = `  leakscan install
  leakscan install --docker-build
  docker build -t myapp .`

	uninstallShort = "Take back what leakscan install has done"

	uninstallLong = `uninstall removes the link of docker leakscan, and the alias that leads docker
build to it.`

	pluginThere       = "%s is there already, and no link: remove it first"
	aliasThere        = "%s has an alias for the builder already (%s): remove it first"
	badConfig         = "%s can't be understood, and is left as it is: %w"
	installedPlugin   = "docker leakscan: %s\n"
	installedAlias    = "docker build goes through leakscan: %s (as it was: %s)\n"
	uninstalledAlias  = "docker build is docker's own again: %s (as it was: %s)\n"
	uninstalledPlugin = "removed: %s\n"
	nothingInstalled  = "there is nothing to take back\n"
)
