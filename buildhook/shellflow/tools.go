package shellflow

// tool is a command that keeps the credentials it is given. A labelled word of
// it ends in the file; a constant counts where it is known to be the secret.
type tool struct {
	words   string   // the command and its operands, in this order
	file    string   // ~/ is the home, a relative path is below the working directory
	env     string   // a variable names the file; or VAR/name: its directory
	scopes  []scope  // options that choose another file
	at      []string // options that name the file
	takes   []string // options with a value that isn't the secret
	secret  []string // options with the secret
	letters string   // the short ones of at, takes and secret
	stdin   string   // the secret may be read: "always", or with this option
	from    []string // options that name a file of which the content is kept
	vars    []string // exported variables that are kept
	keyed   bool     // operands are KEY VALUE: a constant counts if the key says so
	last    bool     // the last operand is the secret
	needs   []string // only with one of these options
	unless  []string // kept nowhere with one of these options
}

// scope is a file for an option, or for a key that begins so.
type scope struct{ option, key, file string }

// undoes is a command that takes back what another one has kept.
type undoes struct{ words, by string }

var tools = []tool{
	// Packages.
	{words: "npm config set", file: "~/.npmrc", env: "NPM_CONFIG_USERCONFIG", scopes: npmScopes, at: []string{"--userconfig"}, takes: []string{"--location", "-L"}, keyed: true},
	{words: "npm set", file: "~/.npmrc", env: "NPM_CONFIG_USERCONFIG", scopes: npmScopes, at: []string{"--userconfig"}, keyed: true},
	{words: "npm login", file: "~/.npmrc", at: []string{"--userconfig"}, takes: []string{"--registry", "--scope"}, stdin: "always"},
	{words: "npm adduser", file: "~/.npmrc", at: []string{"--userconfig"}, takes: []string{"--registry", "--scope"}, stdin: "always"},
	{words: "pnpm config set", file: "~/.npmrc", scopes: npmScopes, takes: []string{"--location"}, keyed: true},
	{words: "pnpm set", file: "~/.npmrc", scopes: npmScopes, keyed: true},
	{words: "pnpm login", file: "~/.npmrc", stdin: "always"},
	{words: "yarn config set", file: "~/.yarnrc", scopes: []scope{
		{option: "-H", file: "~/.yarnrc.yml"}, {option: "--home", file: "~/.yarnrc.yml"}, {key: "npm", file: ".yarnrc.yml"}}, keyed: true},
	{words: "pip config set", file: "~/.config/pip/pip.conf", env: "PIP_CONFIG_FILE", scopes: pipScopes, keyed: true},
	{words: "pip3 config set", file: "~/.config/pip/pip.conf", env: "PIP_CONFIG_FILE", scopes: pipScopes, keyed: true},
	{words: "poetry config", file: "~/.config/pypoetry/auth.toml", scopes: []scope{{key: "repositories", file: "~/.config/pypoetry/config.toml"}}, keyed: true},
	{words: "poetry source add", file: "pyproject.toml"},
	{words: "pdm config", file: "~/.config/pdm/config.toml", scopes: []scope{{option: "--local", file: "pdm.toml"}}, keyed: true},
	{words: "uv auth login", file: "~/.local/share/uv/credentials/credentials.toml", secret: []string{"--token", "--password", "-t"}, takes: []string{"--username", "-u"}, letters: "tu", stdin: "always"},
	{words: "hatch config set", file: "~/.config/hatch/config.toml", keyed: true},
	{words: "conda config", file: "~/.condarc", scopes: []scope{{option: "--system", file: "/opt/conda/.condarc"}}, at: []string{"--file"}},
	{words: "mamba config", file: "~/.condarc", scopes: []scope{{option: "--system", file: "/opt/conda/.condarc"}}, at: []string{"--file"}},
	{words: "composer config", file: "composer.json", scopes: composerScopes, keyed: true},
	{words: "bundle config", file: "~/.bundle/config", scopes: []scope{{option: "--local", file: ".bundle/config"}}, keyed: true},
	{words: "bundler config", file: "~/.bundle/config", scopes: []scope{{option: "--local", file: ".bundle/config"}}, keyed: true},
	{words: "gem sources", file: "~/.gemrc", at: []string{"--config-file"}, needs: []string{"--add", "-a"}},
	{words: "gem signin", file: "~/.gem/credentials", stdin: "always"},
	{words: "dotnet nuget add source", file: "~/.nuget/NuGet/NuGet.Config", at: []string{"--configfile"}, secret: []string{"-p", "--password"}, takes: []string{"-n", "--name", "-u", "--username"}, letters: "pnu"},
	{words: "dotnet nuget update source", file: "~/.nuget/NuGet/NuGet.Config", at: []string{"--configfile"}, secret: []string{"-p", "--password"}, takes: []string{"-s", "--source", "-u", "--username"}, letters: "psu"},
	{words: "nuget sources", file: "~/.config/NuGet/NuGet.Config", at: []string{"-ConfigFile", "-configfile"}, secret: []string{"-Password", "-password"}, takes: []string{"-Name", "-name", "-Source", "-source", "-UserName", "-username"}},
	{words: "nuget setApiKey", file: "~/.config/NuGet/NuGet.Config", at: []string{"-ConfigFile"}, takes: []string{"-Source", "-source"}, last: true},
	{words: "go env", file: "~/.config/go/env", env: "GOENV", needs: []string{"-w"}},
	{words: "cargo login", file: "~/.cargo/credentials.toml", env: "CARGO_HOME/credentials.toml", takes: []string{"--registry"}, stdin: "always", last: true},
	{words: "conan remote login", file: "~/.conan2/.conan.db", env: "CONAN_HOME/.conan.db", secret: []string{"-p", "--password"}, letters: "p"},
	{words: "conan user", file: "~/.conan/.conan.db", secret: []string{"-p", "--password"}, takes: []string{"-r", "--remote"}, letters: "pr"},
	{words: "luarocks upload", file: "~/.luarocks/upload_config.lua", secret: []string{"--api-key"}},
	{words: "mix hex.organization auth", file: "~/.hex/hex.config", env: "HEX_HOME/hex.config", secret: []string{"--key"}},
	{words: "mix hex.repo add", file: "~/.hex/hex.config", env: "HEX_HOME/hex.config", secret: []string{"--auth-key"}},
	{words: "mix hex.config", file: "~/.hex/hex.config", env: "HEX_HOME/hex.config", keyed: true},
	{words: "dart pub token add", file: "~/.config/dart/pub-tokens.json", takes: []string{"--env-var"}, stdin: "always", unless: []string{"--env-var"}},
	{words: "flutter pub token add", file: "~/.config/dart/pub-tokens.json", takes: []string{"--env-var"}, stdin: "always", unless: []string{"--env-var"}},
	{words: "swift package-registry login", file: "~/.netrc", secret: []string{"--token", "--password"}, takes: []string{"--username"}},

	// Registries of images and charts.
	{words: "docker login", file: "~/.docker/config.json", env: "DOCKER_CONFIG/config.json", secret: passwordFlags, takes: userFlags, letters: "pu", stdin: "--password-stdin"},
	{words: "nerdctl login", file: "~/.docker/config.json", env: "DOCKER_CONFIG/config.json", secret: passwordFlags, takes: userFlags, letters: "pu", stdin: "--password-stdin"},
	{words: "podman login", file: "~/.config/containers/auth.json", env: "REGISTRY_AUTH_FILE", at: []string{"--authfile"}, secret: passwordFlags, takes: userFlags, letters: "pu", stdin: "--password-stdin"},
	{words: "buildah login", file: "~/.config/containers/auth.json", env: "REGISTRY_AUTH_FILE", at: []string{"--authfile"}, secret: passwordFlags, takes: userFlags, letters: "pu", stdin: "--password-stdin"},
	{words: "skopeo login", file: "~/.config/containers/auth.json", env: "REGISTRY_AUTH_FILE", at: []string{"--authfile"}, secret: passwordFlags, takes: userFlags, letters: "pu", stdin: "--password-stdin"},
	{words: "crane auth login", file: "~/.docker/config.json", env: "DOCKER_CONFIG/config.json", secret: passwordFlags, takes: userFlags, letters: "pu", stdin: "--password-stdin"},
	{words: "oras login", file: "~/.docker/config.json", env: "DOCKER_CONFIG/config.json", secret: passwordFlags, takes: userFlags, letters: "pu", stdin: "--password-stdin"},
	{words: "regctl registry login", file: "~/.regctl/config.json", secret: []string{"-p", "--pass"}, takes: []string{"-u", "--user"}, letters: "pu", stdin: "--pass-stdin"},
	{words: "helm registry login", file: "~/.config/helm/registry/config.json", secret: passwordFlags, takes: userFlags, letters: "pu", stdin: "--password-stdin"},
	{words: "helm repo add", file: "~/.config/helm/repositories.yaml", secret: []string{"--password"}, takes: []string{"--username"}, stdin: "--password-stdin"},

	// Clouds.
	{words: "aws configure set", file: "~/.aws/config", scopes: []scope{
		{key: "aws_secret_access_key", file: awsCredentials}, {key: "aws_access_key_id", file: awsCredentials}, {key: "aws_session_token", file: awsCredentials}},
		takes: []string{"--profile"}, keyed: true},
	{words: "aws configure", file: awsCredentials, env: "AWS_SHARED_CREDENTIALS_FILE", takes: []string{"--profile"}, stdin: "always"},
	{words: "gcloud auth activate-service-account", file: "~/.config/gcloud/credentials.db", env: "CLOUDSDK_CONFIG/credentials.db", from: []string{"--key-file"}},
	{words: "gcloud auth login", file: "~/.config/gcloud/credentials.db", env: "CLOUDSDK_CONFIG/credentials.db", from: []string{"--cred-file"}},
	{words: "az login", file: "~/.azure/service_principal_entries.json", env: "AZURE_CONFIG_DIR/service_principal_entries.json", secret: passwordFlags, takes: []string{"-u", "--username", "-t", "--tenant"}, letters: "put"},
	{words: "doctl auth init", file: "~/.config/doctl/config.yaml", secret: []string{"-t", "--access-token"}, letters: "t", stdin: "always"},
	{words: "rclone config create", file: "~/.config/rclone/rclone.conf", env: "RCLONE_CONFIG", at: []string{"--config"}, keyed: true},
	{words: "rclone config update", file: "~/.config/rclone/rclone.conf", env: "RCLONE_CONFIG", at: []string{"--config"}, keyed: true},
	{words: "s3cmd", file: "~/.s3cfg", at: []string{"-c", "--config"}, secret: []string{"--secret_key"}, takes: []string{"--access_key"}, letters: "c", needs: []string{"--configure"}},
	{words: "mc alias set", file: "~/.mc/config.json", last: true},
	{words: "mc config host add", file: "~/.mc/config.json", last: true},
	{words: "pulumi login", file: "~/.pulumi/credentials.json", env: "PULUMI_HOME/credentials.json", vars: []string{"PULUMI_ACCESS_TOKEN"}},
	{words: "databricks configure", file: "~/.databrickscfg", secret: []string{}, takes: []string{"--host", "--profile"}, stdin: "always", vars: []string{"DATABRICKS_TOKEN"}},
	{words: "terraform login", file: "~/.terraform.d/credentials.tfrc.json", stdin: "always"},
	{words: "kubectl config set-credentials", file: "~/.kube/config", env: "KUBECONFIG", at: []string{"--kubeconfig"}, secret: []string{"--token", "--password"}, takes: []string{"--username"}},
	{words: "oc login", file: "~/.kube/config", env: "KUBECONFIG", at: []string{"--kubeconfig"}, secret: []string{"--token", "-p", "--password"}, takes: []string{"-u", "--username", "-s", "--server"}, letters: "pus"},
	{words: "vault login", file: "~/.vault-token", stdin: "always", unless: []string{"-no-store"}},
	{words: "okteto context use", file: "~/.okteto/context/config.json", secret: []string{"--token", "-t"}, letters: "t"},
	{words: "cloudflared service install", file: "/etc/systemd/system/cloudflared.service", last: true},
	{words: "ngrok config add-authtoken", file: "~/.config/ngrok/ngrok.yml", at: []string{"--config"}, last: true},
	{words: "ngrok authtoken", file: "~/.ngrok2/ngrok.yml", at: []string{"--config"}, last: true},

	// Forges and services.
	{words: "gh auth login", file: "~/.config/gh/hosts.yml", env: "GH_CONFIG_DIR/hosts.yml", takes: []string{"-h", "--hostname"}, letters: "h", stdin: "--with-token"},
	{words: "glab auth login", file: "~/.config/glab-cli/config.yml", secret: []string{"-t", "--token"}, takes: []string{"-h", "--hostname"}, letters: "th", stdin: "--stdin"},
	{words: "hf auth login", file: "~/.cache/huggingface/token", env: "HF_HOME/token", secret: []string{"--token"}},
	{words: "huggingface-cli login", file: "~/.cache/huggingface/token", env: "HF_HOME/token", secret: []string{"--token"}},
	{words: "wandb login", file: "~/.netrc", takes: []string{"--host"}, last: true},
	{words: "snyk auth", file: "~/.config/configstore/snyk.json", last: true},
	{words: "snyk config set", file: "~/.config/configstore/snyk.json", keyed: true},
	{words: "sentry-cli login", file: "~/.sentryclirc", secret: []string{"--auth-token"}},
	{words: "svn", file: "~/.subversion/auth/svn.simple", at: []string{}, secret: []string{"--password"}, takes: []string{"--username"}, stdin: "--password-from-stdin", needs: []string{"--password", "--password-from-stdin"}, unless: []string{"--no-auth-cache"}},
	{words: "jf config add", file: "~/.jfrog/jfrog-cli.conf.v6", env: "JFROG_CLI_HOME_DIR/jfrog-cli.conf.v6", secret: []string{"--password", "--access-token"}, takes: []string{"--url", "--user"}, stdin: "--password-stdin"},
	{words: "jf c add", file: "~/.jfrog/jfrog-cli.conf.v6", env: "JFROG_CLI_HOME_DIR/jfrog-cli.conf.v6", secret: []string{"--password", "--access-token"}, takes: []string{"--url", "--user"}, stdin: "--password-stdin"},
	{words: "jfrog config add", file: "~/.jfrog/jfrog-cli.conf.v6", env: "JFROG_CLI_HOME_DIR/jfrog-cli.conf.v6", secret: []string{"--password", "--access-token"}, takes: []string{"--url", "--user"}},
	{words: "dvc remote modify", file: ".dvc/config", scopes: []scope{{option: "--local", file: ".dvc/config.local"}, {option: "--global", file: "~/.config/dvc/config"}, {option: "--system", file: "/etc/xdg/dvc/config"}}, keyed: true},
	{words: "debconf-set-selections", file: "/var/cache/debconf/passwords.dat", stdin: "always"},
}

const awsCredentials = "~/.aws/credentials"

var (
	passwordFlags = []string{"-p", "--password"}
	userFlags     = []string{"-u", "--username"}
	npmScopes     = []scope{
		{option: "-g", file: "/usr/local/etc/npmrc"}, {option: "--global", file: "/usr/local/etc/npmrc"},
		{option: "--location=global", file: "/usr/local/etc/npmrc"}, {option: "--location=project", file: ".npmrc"}, {option: "-L=project", file: ".npmrc"},
	}
	pipScopes      = []scope{{option: "--global", file: "/etc/pip.conf"}, {option: "--site", file: "/usr/local/pip.conf"}}
	composerScopes = []scope{
		{option: "-g", file: "~/.composer/auth.json"}, {option: "--global", file: "~/.composer/auth.json"},
		{key: "http-basic.", file: "auth.json"}, {key: "github-oauth.", file: "auth.json"}, {key: "gitlab-oauth.", file: "auth.json"},
		{key: "gitlab-token.", file: "auth.json"}, {key: "bitbucket-oauth.", file: "auth.json"}, {key: "bearer.", file: "auth.json"},
		{option: "--auth", file: "auth.json"}, {option: "-a", file: "auth.json"},
	}
)

var undoing = []undoes{
	{"npm config delete", "npm config set"}, {"npm config rm", "npm config set"}, {"npm logout", "npm"},
	{"npm config delete", "npm set"},
	{"pnpm config delete", "pnpm config set"},
	{"yarn config unset", "yarn config set"}, {"yarn config delete", "yarn config set"},
	{"pip config unset", "pip config set"}, {"pip3 config unset", "pip3 config set"},
	{"poetry source remove", "poetry source add"},
	{"uv auth logout", "uv auth login"},
	{"bundle config unset", "bundle config"}, {"bundle config delete", "bundle config"},
	{"gem signout", "gem signin"},
	{"dotnet nuget remove source", "dotnet nuget"},
	{"cargo logout", "cargo login"},
	{"conan remote logout", "conan remote login"},
	{"docker logout", "docker login"}, {"nerdctl logout", "nerdctl login"}, {"podman logout", "podman login"},
	{"buildah logout", "buildah login"}, {"skopeo logout", "skopeo login"}, {"crane auth logout", "crane auth login"},
	{"oras logout", "oras login"}, {"regctl registry logout", "regctl registry login"},
	{"helm registry logout", "helm registry login"}, {"helm repo remove", "helm repo add"}, {"helm repo rm", "helm repo add"},
	{"gcloud auth revoke", "gcloud auth"},
	{"az logout", "az login"}, {"az account clear", "az login"},
	{"doctl auth remove", "doctl auth init"},
	{"rclone config delete", "rclone config"},
	{"mc alias remove", "mc alias set"}, {"mc alias rm", "mc alias set"},
	{"pulumi logout", "pulumi login"}, {"terraform logout", "terraform login"},
	{"kubectl config delete-user", "kubectl config set-credentials"}, {"kubectl config unset", "kubectl config set-credentials"},
	{"oc logout", "oc login"},
	{"gh auth logout", "gh auth login"}, {"glab auth logout", "glab auth login"},
	{"hf auth logout", "hf auth login"}, {"huggingface-cli logout", "huggingface-cli login"},
	{"dart pub token remove", "dart pub token add"}, {"swift package-registry logout", "swift package-registry login"},
	{"jf config remove", "jf config add"}, {"jf c rm", "jf c add"},
}
