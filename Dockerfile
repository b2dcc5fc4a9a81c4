# The base image brings Node 24 and a libc; where Docker Hub is out of reach, name a mirror's.
ARG BASE_IMAGE=node:24-bookworm-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
# Dependencies first: their layer holds as long as the lock file does.
COPY package.json package-lock.json ./
# The development dependency `node` is for checkouts; the base image has its own.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/build.ts && npm run --silent sbom

FROM ${BASE_IMAGE}
# npm, yarn and corepack are of no use at run time, and bring most of what scanners find.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
COPY --from=build /build/package.json /build/LICENSE /app/
COPY --from=build /build/bin /app/bin
COPY --from=build /build/dist /app/dist
COPY --from=build /build/demo/images /app/demo/images
COPY --from=build /build/examples /app/examples
RUN ln -s /app/bin/curfew.js /usr/local/bin/curfew
ENV NODE_ENV=production
# A number, so that runAsNonRoot can be checked without /etc/passwd. Nothing is written: the root filesystem can be read-only.
USER 65532:65532
ENTRYPOINT ["curfew"]
