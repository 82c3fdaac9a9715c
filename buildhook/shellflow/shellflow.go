// Package shellflow follows secrets through the shell commands of a build step,
// and says where they come to rest: in a file of the layer, in a cache, in the
// log, in a tool's own store of credentials.
//
// It runs nothing. It interprets the syntax tree with values that say only what
// they are made of: a text is known or has holes, and carries the labels of the
// secrets that may be in it. Files, variables and streams are kept the same
// way, so that what a later command of the same script removes is gone.
//
// Where the truth can't be known it guesses as a reader would: both branches of
// an if happen, what stands after && succeeds, and a removal that is only for
// failures removes nothing. What it can't read at all is Result.Opaque.
package shellflow

import "runtime/debug"

// Label is a source of secret bytes. What it means is the caller's business: an
// index into a table of theirs. It is not negative.
type Label int

// Var is a variable that the script starts with.
type Var struct {
	Value    string
	Known    bool // Value is the exact value at build time
	Labels   []Label
	Exported bool
}

// File is an absolute path with secret content.
type File struct {
	Path   string
	Labels []Label
	Dir    bool // a tree that has secret files in it
}

// MountKind is a kind of RUN --mount.
type MountKind string

// The kinds of mount.
const (
	MountSecret MountKind = "secret"
	MountCache  MountKind = "cache"
	MountBind   MountKind = "bind"
	MountTmpfs  MountKind = "tmpfs"
	MountSSH    MountKind = "ssh"
)

// Mount is a mount that the script runs with.
type Mount struct {
	Kind      MountKind
	Target    string
	Labels    []Label // of the content
	ReadWrite bool
}

// Input is a script and the world it runs in.
type Input struct {
	Script string   // the text handed to the shell
	Exec   []string // the exec form: a command without a shell; Script is "" then
	Shell  string   // "sh" if empty; what is no POSIX-like shell makes the result opaque. It may be a command line: "/bin/bash -ex"
	Vars   map[string]Var
	Files  []File
	Mounts []Mount
	Dir    string // the working directory
	Home   string // of the user; if empty, /root for root and /home/USER for others
	User   string // "" is root

	MaxSteps int // of work; 0: a bound that no script of a person reaches

	// SecretName tells whether a variable or an option of this name holds a secret.
	SecretName func(name string) bool
	// Placeholder tells whether a constant is no real value: "", "changeme".
	Placeholder func(value string) bool
}

// Kind is what becomes of a secret.
type Kind string

// The kinds of flow.
const (
	Written   Kind = "written"    // still in a file of the layer when the script ends
	Cached    Kind = "cached"     // still in a file of a cache mount when the script ends
	Logged    Kind = "logged"     // goes to the output of the step
	GitRemote Kind = "git-remote" // in the URL of a remote, kept in .git/config of a clone that stays
	Hashed    Kind = "hashed"     // a password, labelled or constant, is stored as a hash
	Generated Kind = "generated"  // made during the build and left in the layer: the same key for every user of the image
	Argument  Kind = "argument"   // expanded into an argument of an external command
	Fetched   Kind = "fetched"    // what a command that prints secrets printed is still in a file; or, without a Path, in the log
	Inline    Kind = "inline"     // a constant of the script stands where a password stands
)

// Flow is one thing that happens to a secret.
type Flow struct {
	Kind   Kind
	Labels []Label // what it is; none for Generated, Fetched, Inline, and for a constant that is Hashed
	Path   string  // the file: absolute where that is known, else as the script has it; "" if there is none
	By     string  // what did it: "cp", ">", "npm config set", "set -x"; never a value of the script
	// Pos and End are byte offsets in Input.Script of the statement or the
	// word. Both are 0 for the exec form.
	Pos, End int
	Value    string // of an Inline, and of a constant that is Hashed: the constant, never to be shown
}

// Constant is a text of the script that it puts into a file as it stands. What
// such a file holds is for those to say who know its form.
type Constant struct {
	Path     string // as Flow.Path
	Text     string
	Pos, End int // of the command, without its here-document
}

// Removal is a file of Input.Files that the script removes or overwrites.
type Removal struct {
	Path     string
	Pos, End int
}

// Result is what is known of a script.
type Result struct {
	Flows     []Flow     // rising Pos
	Constants []Constant // in the order in which they are written
	Files     []File     // of the layer with labelled content when the script ends, Input.Files among them
	Removed   []Removal  // those of Input.Files that are gone
	Steps     int        // of work that it took
	Opaque    error      // why the script was not understood; the rest is what was found until then
}

// Analyze follows the secrets of in through its script. It is a pure function:
// it touches no file and runs no command, and does a bounded amount of work
// whatever the script is.
func Analyze(in Input) (res Result) {
	r := newRun(&in)
	defer func() {
		if p := recover(); p != nil {
			res = Result{Opaque: &InternalError{p, string(debug.Stack())}}
		}
	}()
	if len(in.Exec) > 0 {
		r.exec(in.Exec)
	} else if err := r.script(); err != nil {
		r.stop = err
	}
	return r.result()
}
