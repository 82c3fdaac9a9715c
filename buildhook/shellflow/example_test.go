package shellflow_test

import (
	"fmt"

	"github.com/leakscan/leakscan/buildhook/shellflow"
)

func Example() {
	const npm shellflow.Label = 0
	in := shellflow.Input{
		Script: `cp /run/secrets/npm ~/.npmrc && npm ci`,
		Mounts: []shellflow.Mount{{Kind: shellflow.MountSecret, Target: "/run/secrets/npm", Labels: []shellflow.Label{npm}}},
	}
	for _, f := range shellflow.Analyze(in).Flows {
		fmt.Printf("%s to %s by %s: %s\n", f.Kind, f.Path, f.By, in.Script[f.Pos:f.End])
	}

	// What is removed in the same script isn't in the layer.
	in.Script += ` && rm ~/.npmrc`
	fmt.Println(len(shellflow.Analyze(in).Flows))
	// Output:
	// written to /root/.npmrc by cp: cp /run/secrets/npm ~/.npmrc
	// 0
}
