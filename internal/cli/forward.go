package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // what client-go's port-forward takes is of these types still
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// forwarder makes a local address that leads to a port of a Pod, through the API
// server and with the user's own credentials.
func forwarder(cfg *rest.Config) func(ctx context.Context, namespace, pod string, port int) (string, func(), error) {
	return func(ctx context.Context, namespace, pod string, port int) (string, func(), error) {
		dialer, err := dialerTo(cfg, namespace, pod)
		if err != nil {
			return "", nil, err
		}
		ends, ready := make(chan struct{}), make(chan struct{})
		stop := sync.OnceFunc(func() { close(ends) })
		fw, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, ends, ready, io.Discard, io.Discard)
		if err != nil {
			return "", nil, err
		}
		failed := make(chan error, 1)
		go func() { failed <- fw.ForwardPorts() }()
		select {
		case <-ctx.Done():
			stop()
			return "", nil, ctx.Err()
		case err := <-failed:
			if err == nil {
				err = errors.New("the connection ended")
			}
			return "", nil, err
		case <-ready:
		}
		ports, err := fw.GetPorts()
		if err != nil {
			stop()
			return "", nil, err
		}
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ports[0].Local))), stop, nil
	}
}

// dialerTo a Pod: over a websocket, and as older API servers have it.
func dialerTo(cfg *rest.Config, namespace, pod string) (httpstream.Dialer, error) {
	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return nil, err
	}
	url := base.JoinPath("api", "v1", "namespaces", namespace, "pods", pod, "portforward")
	transport, upgrader, err := spdy.RoundTripperFor(cfg)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	tunnel, err := portforward.NewSPDYOverWebsocketDialer(url, cfg)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialer(tunnel, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
