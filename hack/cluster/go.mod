// The local cluster: real Kubernetes and Gitea in namespaces of their own.
module github.com/gozer-dev/gozer/hack/cluster

go 1.26.0
