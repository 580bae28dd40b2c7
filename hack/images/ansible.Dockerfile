# Gozer with Ansible: the containers of executor Pods that run playbooks. The
# package `ansible` has the collections that roles of Zuul jobs expect.
#
#   docker build -f hack/images/ansible.Dockerfile --build-arg GOZER=gozer -t gozer-ansible hack/images
ARG GOZER=gozer
FROM ${GOZER}
USER 0:0
RUN apt-get update \
 && apt-get install -y --no-install-recommends ansible \
 && rm -rf /var/lib/apt/lists/*
USER 65532:65532
