// Dapr's sidecar injector: its own webhook and patches, with a certificate that it makes itself. Dapr's
// own program has its certificate from another server of Dapr's, which isn't needed here.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log"
	"math/big"
	"os/signal"
	"syscall"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	dapr "github.com/dapr/dapr/pkg/client/clientset/versioned"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/injector/service"
)

// name is that of the webhook configuration and of the Service, as in Dapr's chart.
const name = "dapr-sidecar-injector"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	config, err := service.GetConfig()
	if err != nil {
		return err
	}
	cluster, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return err
	}
	daprClient, err := dapr.NewForConfig(cluster)
	if err != nil {
		return err
	}
	controllers, err := service.AllowedControllersServiceAccountUID(ctx, config, client)
	if err != nil {
		return err
	}
	injector, err := service.NewInjector(service.Options{
		Port:                    4000,
		AuthUIDs:                controllers,
		Config:                  config,
		DaprClient:              daprClient,
		KubeClient:              client,
		ControlPlaneNamespace:   config.Namespace,
		ControlPlaneTrustDomain: config.ControlPlaneTrustDomain,
		Healthz:                 healthz.New(),
	})
	if err != nil {
		return err
	}
	certificate, ca, err := selfSigned(name + "." + config.Namespace + ".svc")
	if err != nil {
		return err
	}
	if err := announce(ctx, client, ca); err != nil {
		return err
	}
	sentry, err := spiffeid.FromString("spiffe://cluster.local/ns/" + config.Namespace + "/dapr-sentry")
	if err != nil {
		return err
	}
	serving := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return injector.Run(ctx, serving, sentry, func(context.Context) ([]byte, error) { return ca, nil })
}

// selfSigned returns a certificate for host, and the same as PEM for those who are to trust it.
func selfSigned(host string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		DNSNames:              []string{host},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	var ca bytes.Buffer
	err = pem.Encode(&ca, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca.Bytes(), err
}

// announce writes the certificate into the webhook configuration, as Dapr's own program does.
func announce(ctx context.Context, client kubernetes.Interface, ca []byte) error {
	patch, err := json.Marshal([]map[string]any{{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": ca}})
	if err != nil {
		return err
	}
	webhooks := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err = webhooks.Patch(ctx, name, types.JSONPatchType, patch, meta.PatchOptions{})
	return err
}
