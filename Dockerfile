# It brings Node 24 and a libc. If you can't reach Docker Hub, name the same image in a mirror.
ARG BASE_IMAGE=node:24-bookworm-slim

# What's built is the same for all platforms, so it's built once, without emulation.
FROM --platform=$BUILDPLATFORM ${BASE_IMAGE} AS build
WORKDIR /build
# Dependencies first: this layer is rebuilt only when the lock file changes.
COPY package.json package-lock.json ./
# Without install scripts: the dependency `node` is for checkouts, and the base image has its own.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# There's no .git here: hand in what `curfew version` should say, --build-arg CURFEW_COMMIT=$(git rev-parse HEAD)
ARG CURFEW_COMMIT=unknown
# Seconds since 1970 that the SBOM is dated with.
ARG SOURCE_DATE_EPOCH
RUN node scripts/build.ts && npm run --silent sbom

FROM ${BASE_IMAGE}
# Nothing uses npm, yarn or corepack at run time, and most findings of image scanners are in them.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
COPY --from=build /build/package.json /build/LICENSE /app/
COPY --from=build /build/bin /app/bin
COPY --from=build /build/dist /app/dist
COPY --from=build /build/demo/images /app/demo/images
COPY --from=build /build/examples /app/examples
RUN ln -s /app/bin/curfew.js /usr/local/bin/curfew
ENV NODE_ENV=production
# A number, so that kubelet can check runAsNonRoot. Curfew writes no files: the root filesystem can
# be read-only.
USER 65532:65532
ENTRYPOINT ["curfew"]
ARG CURFEW_COMMIT=unknown
LABEL org.opencontainers.image.title=curfew \
  org.opencontainers.image.description="Lets Kubernetes Jobs with sidecars end" \
  org.opencontainers.image.licenses=MIT \
  org.opencontainers.image.version=0.1.0 \
  org.opencontainers.image.revision=$CURFEW_COMMIT
