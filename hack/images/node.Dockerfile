# What a node Pod runs when its NodePool names no image of its own: a Debian
# with what most Zuul jobs expect. Any image with a shell will do.
#
#   docker build -f hack/images/node.Dockerfile -t node-debian hack/images
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git iproute2 openssh-client python3 rsync sudo \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home --shell /bin/bash --user-group zuul \
 && printf '%s\n' 'Defaults:zuul env_keep += "ANSIBLE_UNSAFE_WRITES"' 'zuul ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/zuul \
 && chmod 0440 /etc/sudoers.d/zuul
WORKDIR /home/zuul
ENV HOME=/home/zuul LANG=C.UTF-8
USER 1000:1000
CMD ["/bin/bash"]
