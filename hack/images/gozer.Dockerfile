# Gozer, for a container engine. The binary is built first, for the image's
# platform: CGO_ENABLED=0 go build -o .build/bin/gozer ./cmd/gozer
#
#   docker build -f hack/images/gozer.Dockerfile -t gozer .
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client python3 rsync \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 65532 --create-home --shell /bin/bash --user-group gozer
COPY .build/bin/gozer /usr/local/bin/gozer
ENV HOME=/home/gozer LANG=C.UTF-8
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/gozer"]
