# The Paribus service: REST, the W&B protocol and pages, in one process. No torch; no wandb client
# unless it is asked for.
#
#   docker build --file docker/service.Dockerfile --tag paribus-service .
#   docker run --publish 127.0.0.1:8080:8080 --volume paribus-data:/var/lib/paribus paribus-service

FROM python:3.11.13-slim-bookworm AS build
# A mirror of the package index, where one is used; unset, pip's own default holds.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN ["python", "-m", "venv", "/opt/paribus"]
ENV PATH="/opt/paribus/bin:$PATH"
WORKDIR /build
COPY docker/service-constraints.txt docker/upstream-constraints.txt docker/
COPY pyproject.toml README.md LICENSE ./
COPY sweeps sweeps
COPY agent agent
COPY service service
# `service,upstream` brings the wandb client along, for a W&B server (docker/compose.upstream.yaml).
ARG EXTRAS=service
RUN pip install --constraint docker/service-constraints.txt \
    --constraint docker/upstream-constraints.txt ".[${EXTRAS}]"

FROM python:3.11.13-slim-bookworm
LABEL org.opencontainers.image.title="Paribus service" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /var/lib/paribus --shell /usr/sbin/nologin paribus \
 && install --directory --owner paribus --group paribus --mode 0750 /var/lib/paribus
COPY --from=build /opt/paribus /opt/paribus
# Not on loopback, or nothing outside the container would reach it; so never with PARIBUS_DEV.
ENV PATH="/opt/paribus/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PARIBUS_HOST=0.0.0.0 \
    PARIBUS_PORT=8080 \
    PARIBUS_DATA_DIR=/var/lib/paribus
USER 10001
WORKDIR /var/lib/paribus
VOLUME /var/lib/paribus
EXPOSE 8080
# /readyz: the database takes the write lock and the disk takes bytes.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PARIBUS_PORT']}/readyz\", timeout=4)"]
ENTRYPOINT ["paribus"]
CMD ["serve"]
