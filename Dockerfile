# dragonsink as a container that needs nothing but this folder to be built: docker build -t dragonsink .
FROM node:22.22.2-bookworm-slim AS build
# better-sqlite3 is compiled where it finds no binary.
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-fund --no-audit
COPY . .
RUN npm run build \
 && npm prune --omit=dev --omit=optional --no-fund --no-audit \
 && rm -rf dist/simulate dist/cli/simulate*.js \
 && cd node_modules/better-sqlite3 && rm -rf deps src build/Release/obj*

FROM node:22.22.2-bookworm-slim
ENV NODE_ENV=production
RUN install -d -o node -g node /var/lib/dragonsink
WORKDIR /opt/dragonsink
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/config ./config
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
USER node
EXPOSE 8095
# Whether it can do its work: the broker is connected, and the database takes commits.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.HTTP_PORT || 8095) + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/opt/dragonsink/dist/main.js"]
CMD ["server"]
