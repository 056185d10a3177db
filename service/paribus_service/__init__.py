"""The service: FastAPI, SQLAlchemy; no torch and no wandb client."""
