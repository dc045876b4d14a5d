# Headgate for a NATS of your own: set HEADGATE_NATS_URL. The image holds no nats-server, because one
# process a container is what orchestrators restart, measure and give a disk to. For the embedded one
# (a single container, its log in /data) build with --build-arg HEADGATE_SKIP_NATS_SERVER=0.
#
# Any image with Node 24 on its PATH does; the build also needs npm and a shell. Pin them by digest.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=node:24-bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /app
# Where npm fetches from, for a build behind a registry of your own.
ARG NPM_CONFIG_REGISTRY
ARG HEADGATE_SKIP_NATS_SERVER=1
COPY package.json package-lock.json ./
COPY scripts/install/nats-server.js scripts/install/
# Without dev dependencies there is no `node` package: the image's own Node runs everything.
RUN npm ci --omit=dev --no-audit --no-fund --cache /tmp/npm
COPY bin bin
COPY gen gen
COPY src src
COPY schemas schemas
RUN mkdir /data

FROM ${RUNTIME_IMAGE}
WORKDIR /app
COPY --from=build /app /app
COPY LICENSE ./
# A new volume takes the owner of what it is mounted over.
COPY --from=build --chown=65532:65532 /data /data
# On all addresses of the container, so it does not start before there are write keys
# (/app/headgate.yaml, or the file that HEADGATE_CONFIG names) and a HEADGATE_ADMIN_TOKEN.
ENV HEADGATE_LISTEN=0.0.0.0:8080 \
    HEADGATE_ADMIN_LISTEN=0.0.0.0:8081 \
    HEADGATE_DATA_DIR=/data
# A number, so that an orchestrator can tell that it is not root. Nothing but /data is written to:
# the root file system may be read-only.
USER 65532:65532
VOLUME /data
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const port = process.env.HEADGATE_ADMIN_LISTEN.split(':').at(-1); fetch(`http://127.0.0.1:${port}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# No shell in between: SIGTERM reaches the process, which drains (HEADGATE_SHUTDOWN_GRACE) and ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--max-semi-space-size=32", "--v8-pool-size=1", "bin/headgate.js"]
CMD ["serve"]
