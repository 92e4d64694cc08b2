// Command countersign-chart checks Kubernetes objects by the code of those who will read them: the API server's own validation, its
// Pod Security admission, and the kubelet's probes. scripts/check-chart calls it.
package main

import (
	"fmt"
	"io"
	"os"
)

const usage = `usage:
  countersign-chart validate CRDS FILE…   checks each object of each file; CRDS is a folder of CustomResourceDefinitions
  countersign-chart probe FILE NAME=PORT…     runs the probes of the Deployment in FILE against a server: grpc=PORT http=PORT
`

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string, out io.Writer) error {
	if len(arguments) >= 3 && arguments[0] == "validate" {
		return validateFiles(arguments[1], arguments[2:], out)
	}
	if len(arguments) >= 3 && arguments[0] == "probe" {
		return probeDeployment(arguments[1], arguments[2:], out)
	}
	return fmt.Errorf("%s", usage)
}
