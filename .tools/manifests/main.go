// Manifests reads Kubernetes manifests from stdin and refuses what Kubernetes would: unknown kinds, unknown or doubled
// fields, and values of the wrong type. It is a module of its own, so that the types of Kubernetes stay out of the
// program's.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Of the operators' kinds only what the chart uses is known.
type (
	certificate struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			SecretName string `json:"secretName"`
			IssuerRef  struct {
				Name  string `json:"name"`
				Kind  string `json:"kind"`
				Group string `json:"group"`
			} `json:"issuerRef"`
			Duration    metav1.Duration `json:"duration"`
			RenewBefore metav1.Duration `json:"renewBefore"`
			PrivateKey  struct {
				Algorithm      string `json:"algorithm"`
				Size           int    `json:"size"`
				RotationPolicy string `json:"rotationPolicy"`
			} `json:"privateKey"`
			Usages      []string `json:"usages"`
			DNSNames    []string `json:"dnsNames"`
			IPAddresses []string `json:"ipAddresses"`
		} `json:"spec"`
	}
	endpoint struct {
		Port          string `json:"port"`
		Path          string `json:"path"`
		Interval      string `json:"interval"`
		Authorization *struct {
			Type        string                   `json:"type"`
			Credentials corev1.SecretKeySelector `json:"credentials"`
		} `json:"authorization"`
		Relabelings []struct {
			TargetLabel string `json:"targetLabel"`
			Replacement string `json:"replacement"`
		} `json:"relabelings"`
	}
	monitor struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Selector            metav1.LabelSelector `json:"selector"`
			Endpoints           []endpoint           `json:"endpoints"`
			PodMetricsEndpoints []endpoint           `json:"podMetricsEndpoints"`
		} `json:"spec"`
	}
	prometheusRule struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Groups []struct {
				Name     string          `json:"name"`
				Interval metav1.Duration `json:"interval"`
				Rules    []struct {
					Alert         string            `json:"alert"`
					Record        string            `json:"record"`
					Expr          string            `json:"expr"`
					For           metav1.Duration   `json:"for"`
					KeepFiringFor metav1.Duration   `json:"keep_firing_for"`
					Labels        map[string]string `json:"labels"`
					Annotations   map[string]string `json:"annotations"`
				} `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
)

var kinds = map[string]func() any{
	"v1/ConfigMap":                            func() any { return new(corev1.ConfigMap) },
	"v1/Service":                              func() any { return new(corev1.Service) },
	"v1/ServiceAccount":                       func() any { return new(corev1.ServiceAccount) },
	"v1/Pod":                                  func() any { return new(corev1.Pod) },
	"v1/Namespace":                            func() any { return new(corev1.Namespace) },
	"batch/v1/Job":                            func() any { return new(batchv1.Job) },
	"apps/v1/Deployment":                      func() any { return new(appsv1.Deployment) },
	"autoscaling/v2/HorizontalPodAutoscaler":  func() any { return new(autoscalingv2.HorizontalPodAutoscaler) },
	"networking.k8s.io/v1/NetworkPolicy":      func() any { return new(networkingv1.NetworkPolicy) },
	"policy/v1/PodDisruptionBudget":           func() any { return new(policyv1.PodDisruptionBudget) },
	"cert-manager.io/v1/Certificate":          func() any { return new(certificate) },
	"monitoring.coreos.com/v1/ServiceMonitor": func() any { return new(monitor) },
	"monitoring.coreos.com/v1/PodMonitor":     func() any { return new(monitor) },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return new(prometheusRule) },
}

func main() {
	if err := check(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(r io.Reader) (faults error) {
	documents := yamlreader.NewYAMLReader(bufio.NewReader(r))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return faults
		}
		if err != nil {
			return errors.Join(faults, fmt.Errorf("read manifests: %w", err))
		}
		var head struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        struct{ Name string }
		}
		if err := yaml.Unmarshal(text, &head); err != nil {
			faults = errors.Join(faults, fmt.Errorf("parse %.60q: %w", text, err))
			continue
		}
		kind := head.APIVersion + "/" + head.Kind
		if kind == "/" { // a comment
			continue
		}
		object, ok := kinds[kind]
		if !ok {
			faults = errors.Join(faults, fmt.Errorf("%s %s: unknown kind", kind, head.Metadata.Name))
			continue
		}
		if err := strict(text, object()); err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s %s: %w", kind, head.Metadata.Name, err))
		}
	}
}

// strict reads as the API server does: names of fields have their case.
func strict(text []byte, into any) error {
	object, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	unknown, err := json.UnmarshalStrict(object, into)
	return errors.Join(append(unknown, err)...)
}
