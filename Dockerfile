# The image of leakscan: its one static binary, and nothing else. Make it with
#
#   CGO_ENABLED=0 go build -trimpath -o leakscan ./cmd/leakscan && docker build -t leakscan .
#
# It is the command (docker run --rm leakscan IMAGE), a frontend of BuildKit's (# syntax=,
# or --build-arg BUILDKIT_SYNTAX=) and a generator of SBOMs (--attest type=sbom,generator=).
FROM scratch
COPY --chmod=755 leakscan /leakscan
LABEL org.opencontainers.image.source="https://github.com/leakscan/leakscan" \
      org.opencontainers.image.licenses="Apache-2.0" \
      moby.buildkit.frontend.network.none="true"
ENTRYPOINT ["/leakscan"]
