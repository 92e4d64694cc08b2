# Any image with this Rust and a C compiler builds it; any image with glibc and libgcc runs it.
ARG BUILDER_IMAGE=rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# The manifests, and the root file of each target, emptied: what decides the dependencies and nothing else. The next
# stage's first layers depend on these files alone, so an edited source does not compile the dependencies again.
#
# It compiles on the machine's own platform, also for another one: emulated, a compiler takes the better part of an hour. A builder that
# knows nothing of platforms takes "linux", which is the machine's own.
FROM --platform=${BUILDPLATFORM:-linux} ${BUILDER_IMAGE} AS skeleton
WORKDIR /src
COPY . .
RUN find . -type f ! -name '*.rs' ! -name Cargo.toml ! -name Cargo.lock -delete \
    && find . -type f -name '*.rs' ! -name main.rs ! -name lib.rs \
        \( -path '*/src/*' -o -path '*/tests/*/*' -o -path '*/benches/*/*' -o -path './build/*' \) ! -path '*/src/bin/*' -delete \
    && find . -type f -name '*.rs' -exec sh -c 'for file; do echo "fn main() { }" >"$file"; done' sh {} + \
    && find . -type d -empty -delete

FROM --platform=${BUILDPLATFORM:-linux} ${BUILDER_IMAGE} AS build
WORKDIR /src
ARG BUILDARCH
ARG TARGETARCH
# For another platform: Rust's library for it, and a C compiler, which cargo's crates find by its name. By the file, cargo does the rest.
# hadolint ignore=DL3008
RUN case "${TARGETARCH:-$BUILDARCH}" in \
        "$BUILDARCH") exit ;; \
        amd64) target=x86_64-unknown-linux-gnu linker=x86_64-linux-gnu-gcc package=gcc-x86-64-linux-gnu ;; \
        arm64) target=aarch64-unknown-linux-gnu linker=aarch64-linux-gnu-gcc package=gcc-aarch64-linux-gnu ;; \
        *) echo "$TARGETARCH can't be built for here" >&2 && exit 1 ;; \
    esac \
    && rustup target add "$target" \
    && apt-get update \
    && apt-get install --yes --no-install-recommends "$package" "libc6-dev-$TARGETARCH-cross" \
    && rm -rf /var/lib/apt/lists/* \
    && printf '[build]\ntarget = "%s"\n[target.%s]\nlinker = "%s"\n' "$target" "$target" "$linker" >"$CARGO_HOME/config.toml"
COPY --from=skeleton /src ./
RUN cargo build --release --locked --bin countersign

COPY . .
# Touched, since cargo goes by the times of files and these may be older than what was built from their empty stand-ins.
RUN find . -type f -name '*.rs' ! -path './target/*' -exec touch {} + \
    && cargo build --release --locked --bin countersign \
    && find target/ -maxdepth 3 -type f -name countersign -exec install -D -t /out/bin {} + \
    && install -d -m 0770 /out/lib/countersign /out/lib/countersign/data

FROM ${RUNTIME_IMAGE}
# Where it comes from: docs/docker.md builds with them.
ARG SOURCE=
ARG REVISION=
ARG VERSION=
ARG CREATED=
LABEL org.opencontainers.image.title="Countersign" \
      org.opencontainers.image.description="A gRPC authentication service" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /out/bin/countersign /usr/local/bin/countersign
# Without DATABASE_URL the SQLite file goes to data/ in the working directory: mount a volume there to keep it. A new volume takes
# owner and mode from this folder. Group 0, because OpenShift and others run the image as a user of their own in that group.
COPY --from=build --chown=65532:0 /out/lib /var/lib
WORKDIR /var/lib/countersign
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENV COUNTERSIGN_GRPC_ADDR=0.0.0.0:50051 \
    COUNTERSIGN_HTTP_ADDR=0.0.0.0:8080
EXPOSE 50051 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["/usr/local/bin/countersign", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/countersign"]
CMD ["serve"]
