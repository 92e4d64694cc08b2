package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/probe"
	grpcprobe "k8s.io/kubernetes/pkg/probe/grpc"
	httpprobe "k8s.io/kubernetes/pkg/probe/http"
	"sigs.k8s.io/yaml"
)

const host = "127.0.0.1"

// probeDeployment asks a server what the kubelet would ask it, by the kubelet's own code: the three probes of the Deployment in a file
// of manifests. Where the server listens is told by the names of the container's ports, such as grpc=50123.
func probeDeployment(path string, addresses []string, out io.Writer) error {
	container, err := firstContainer(path)
	if err != nil {
		return err
	}
	ports, err := portsOf(addresses, container)
	if err != nil {
		return err
	}
	probes := map[string]*corev1.Probe{
		"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe,
	}
	failed := 0
	for _, name := range []string{"startup", "liveness", "readiness"} {
		if probes[name] == nil {
			return fmt.Errorf("%s: there is no %s probe", path, name)
		}
		result, message, err := ask(probes[name], container, ports)
		if err != nil {
			return err
		}
		if result != probe.Success {
			failed++
		}
		fmt.Fprintf(out, "%s: %s: %q\n", name, result, message)
	}
	if failed > 0 {
		return fmt.Errorf("%d of 3 probes failed", failed)
	}
	return nil
}

func firstContainer(path string) (*corev1.Container, error) {
	documents, err := readDocuments(path)
	if err != nil {
		return nil, err
	}
	for _, document := range documents {
		if document.object.GetKind() == "Deployment" {
			var deployment appsv1.Deployment
			err := yaml.Unmarshal(document.text, &deployment)
			return &deployment.Spec.Template.Spec.Containers[0], err
		}
	}
	return nil, fmt.Errorf("%s has no Deployment", path)
}

// portsOf maps the container's ports, by number, to those that the server under test has.
func portsOf(addresses []string, container *corev1.Container) (map[int32]int32, error) {
	ports := map[int32]int32{}
	for _, address := range addresses {
		name, text, _ := strings.Cut(address, "=")
		number, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s is not NAME=PORT: %w", address, err)
		}
		for _, port := range container.Ports {
			if port.Name == name {
				ports[port.ContainerPort] = int32(number)
			}
		}
	}
	return ports, nil
}

// ask does what pkg/kubelet/prober does with a probe: the port is looked up in the container, then the prober of its kind runs.
func ask(spec *corev1.Probe, container *corev1.Container, ports map[int32]int32) (probe.Result, string, error) {
	timeout := time.Duration(max(spec.TimeoutSeconds, 1)) * time.Second
	here := container.DeepCopy()
	for index := range here.Ports {
		here.Ports[index].ContainerPort = ports[here.Ports[index].ContainerPort]
	}
	if spec.GRPC != nil {
		service := ""
		if spec.GRPC.Service != nil {
			service = *spec.GRPC.Service
		}
		return grpcprobe.New().Probe(host, service, int(ports[spec.GRPC.Port]), timeout, grpcprobe.ProbeOptions{})
	}
	if spec.HTTPGet == nil {
		return probe.Unknown, "", fmt.Errorf("a probe is neither gRPC nor HTTP")
	}
	request, err := httpprobe.NewRequestForHTTPGetAction(spec.HTTPGet, here, host, "probe")
	if err != nil {
		return probe.Unknown, "", err
	}
	return httpprobe.New(false).Probe(request, timeout)
}
