# A Paribus agent: the training program, the wandb client and torch, for one GPU. No web stack.
#
#   docker build --file docker/agent.Dockerfile --tag paribus-agent .
#   docker run --gpus '"device=0"' --init --env WANDB_BASE_URL --env WANDB_API_KEY paribus-agent
#
# torch comes from the package index and brings its CUDA libraries with it; the host brings the
# driver and NVIDIA's container toolkit. One stage: nothing is compiled, so nothing is left behind.

FROM python:3.11.13-slim-bookworm
LABEL org.opencontainers.image.title="Paribus agent" \
      org.opencontainers.image.licenses="Apache-2.0"
# A mirror of the package index, where one is used; unset, pip's own default holds.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin paribus \
 && install --directory --owner paribus --group paribus /home/paribus/runs /home/paribus/.cache
RUN ["python", "-m", "venv", "/opt/paribus"]
ENV PATH="/opt/paribus/bin:$PATH"
WORKDIR /build
COPY docker/agent-constraints.txt docker/
# What is large and seldom changes first: a change of our own code does not fetch torch again.
RUN ["pip", "install", "--constraint", "docker/agent-constraints.txt", \
     "accelerate", "datasets", "pandas", "torch", "transformers", "wandb"]
COPY pyproject.toml README.md LICENSE ./
COPY sweeps sweeps
COPY agent agent
COPY service service
RUN ["pip", "install", "--constraint", "docker/agent-constraints.txt", ".[agent,offline]"]

ENV PYTHONUNBUFFERED=1 \
    HF_HOME=/home/paribus/.cache/huggingface
USER 10001
# Checkpoints and wandb's own folder: a volume here lets a training continue in another container.
WORKDIR /home/paribus/runs
VOLUME ["/home/paribus/runs", "/home/paribus/.cache"]
# The service answers. A training goes on without it for a while, so nothing is ended by this.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=5 \
    CMD ["python", "-m", "paribus_agent.join", "--check"]
ENTRYPOINT ["python", "-m", "paribus_agent.join"]
