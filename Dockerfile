# The worker and the command line of meter-sync. Debian: the native core of Temporal's SDK has no musl build.

FROM node:22.21.1-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
# The build needs what bundles the workflows, so nothing is left out here.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
COPY workflows workflows
COPY activities activities
RUN npm run build

FROM node:22.21.1-bookworm-slim AS packages
ARG TARGETARCH
WORKDIR /app
COPY package.json package-lock.json ./
# Left out: the embedded servers of `dev` and `demo`, and the compiler that a bundle made ahead does not need.
# Temporal's SDK brings its core for five platforms, 35 MB each; one of them runs here.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  && case "${TARGETARCH:-$(dpkg --print-architecture)}" in \
    amd64) triple=x86_64-unknown-linux-gnu ;; \
    arm64) triple=aarch64-unknown-linux-gnu ;; \
    *) echo "Temporal's SDK has no core for this platform; wanted amd64 or arm64." >&2; exit 1 ;; \
  esac \
  && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name "$triple" -exec rm -r {} +

FROM node:22.21.1-bookworm-slim
# The core reads the system's certificate authorities; the slim image has none.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json LICENSE ./
COPY --from=build /src/dist dist
RUN ln -s /app/dist/src/cli/main.js /usr/local/bin/meter-sync \
  && chmod +x dist/src/cli/main.js
USER node
# The first SIGTERM drains: give the container longer than METER_SYNC_SHUTDOWN_SECONDS before it is killed.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--enable-source-maps", "dist/src/cli/main.js"]
CMD ["worker"]
