# Headgate for your own NATS: set HEADGATE_NATS_URL. The image has no nats-server, because orchestrators
# restart, measure and provide disks for one process per container. To embed nats-server (a single
# container with its log in /data), build with --build-arg HEADGATE_SKIP_NATS_SERVER=0.
#
# Mount your contracts at /app/schemas: the folder with taxonomy.yaml. The image has none.
#
# Any image with Node 24 on its PATH works; the build also needs npm and a shell. Pin them by digest.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=node:24-bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /source
# The registry that npm fetches from, if you use your own.
ARG NPM_CONFIG_REGISTRY
ARG HEADGATE_SKIP_NATS_SERVER=1
COPY package.json package-lock.json ./
COPY client/package.json client/
# Without scripts: the image's own Node runs everything, so npm need not fetch one.
RUN npm ci --ignore-scripts --no-audit --no-fund --cache /tmp/npm
COPY tsconfig.json LICENSE ./
COPY bin bin
COPY gen gen
COPY proto proto
COPY src src
COPY console console
COPY scripts/build scripts/build
COPY test/destinations/conformance.ts test/destinations/deliveries.ts test/destinations/
RUN node scripts/build/run.ts && node scripts/build/image.ts /app && mkdir /data

FROM ${RUNTIME_IMAGE}
WORKDIR /app
COPY --from=build /app /app
# A new volume gets the owner of the folder that it is mounted over.
COPY --from=build --chown=65532:65532 /data /data
# It listens on all addresses of the container, so it does not start without write keys
# (in /app/headgate.yaml, or the file that HEADGATE_CONFIG names) and a HEADGATE_ADMIN_TOKEN. The folder
# of the contracts is named, so that it does not start when their mount has failed either.
ENV HEADGATE_LISTEN=0.0.0.0:8080 \
    HEADGATE_ADMIN_LISTEN=0.0.0.0:8081 \
    HEADGATE_SCHEMAS_DIR=/app/schemas \
    HEADGATE_DATA_DIR=/data
# A number, so that an orchestrator can verify that it is not root. Headgate writes only to /data: the root
# file system may be read-only.
USER 65532:65532
VOLUME /data
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const options = { port: process.env.HEADGATE_ADMIN_LISTEN.split(':').at(-1), path: '/healthz', rejectUnauthorized: false }; const ask = (protocol, orElse) => process.getBuiltinModule(protocol).get(options, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', orElse); ask('http', () => ask('https', () => process.exit(1)))"]
# Without a shell in between, SIGTERM reaches the process, which drains (HEADGATE_SHUTDOWN_GRACE) and ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--max-semi-space-size=32", "--v8-pool-size=1", "bin/headgate.js"]
CMD ["serve"]
