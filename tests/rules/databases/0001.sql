BEGIN TRANSACTION;
CREATE TABLE agents (
	id TEXT NOT NULL, 
	sweep_id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT, 
	run_state TEXT NOT NULL, 
	gpu_name TEXT, 
	runs_started INTEGER NOT NULL, 
	failures_in_a_row INTEGER NOT NULL, 
	key_id TEXT, 
	created_at DATETIME NOT NULL, 
	heartbeat_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	CONSTRAINT pk_agents PRIMARY KEY (id), 
	CONSTRAINT fk_agents_sweep_id_sweeps FOREIGN KEY(sweep_id) REFERENCES sweeps (id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE artifact_aliases (
	collection_id INTEGER NOT NULL, 
	alias TEXT NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	CONSTRAINT pk_artifact_aliases PRIMARY KEY (collection_id, alias), 
	CONSTRAINT fk_artifact_aliases_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id), 
	CONSTRAINT fk_artifact_aliases_collection_id_artifact_collections FOREIGN KEY(collection_id) REFERENCES artifact_collections (id)
);
CREATE TABLE artifact_collections (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	type_name TEXT NOT NULL, 
	name TEXT NOT NULL, 
	is_portfolio BOOLEAN NOT NULL, 
	description TEXT, 
	tags TEXT NOT NULL, 
	client_id TEXT, 
	next_version INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_artifact_collections PRIMARY KEY (id), 
	CONSTRAINT fk_artifact_collections_project_id_projects FOREIGN KEY(project_id) REFERENCES projects (id), 
	CONSTRAINT uq_artifact_collections_project_id_name UNIQUE (project_id, name)
);
CREATE TABLE artifact_files (
	artifact_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	md5 TEXT NOT NULL, 
	blob TEXT NOT NULL, 
	size_bytes BIGINT, 
	CONSTRAINT pk_artifact_files PRIMARY KEY (artifact_id, name), 
	CONSTRAINT fk_artifact_files_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id)
);
CREATE TABLE artifact_manifests (
	id INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	base_artifact_id INTEGER, 
	blob TEXT, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_artifact_manifests PRIMARY KEY (id), 
	CONSTRAINT fk_artifact_manifests_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id)
);
CREATE TABLE artifact_memberships (
	id INTEGER NOT NULL, 
	collection_id INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	version_index INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_artifact_memberships PRIMARY KEY (id), 
	CONSTRAINT fk_artifact_memberships_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id), 
	CONSTRAINT fk_artifact_memberships_collection_id_artifact_collections FOREIGN KEY(collection_id) REFERENCES artifact_collections (id), 
	CONSTRAINT uq_artifact_memberships_collection_id_version_index UNIQUE (collection_id, version_index)
);
CREATE TABLE artifact_uses (
	run_pk INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	CONSTRAINT pk_artifact_uses PRIMARY KEY (run_pk, artifact_id), 
	CONSTRAINT fk_artifact_uses_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (id), 
	CONSTRAINT fk_artifact_uses_run_pk_runs FOREIGN KEY(run_pk) REFERENCES runs (pk) ON DELETE CASCADE
);
CREATE TABLE artifacts (
	id INTEGER NOT NULL, 
	collection_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	version_index INTEGER, 
	digest TEXT NOT NULL, 
	digest_algorithm TEXT NOT NULL, 
	description TEXT, 
	metadata_text TEXT, 
	tags TEXT NOT NULL, 
	requested_aliases TEXT NOT NULL, 
	client_id TEXT, 
	created_by_run_pk INTEGER, 
	history_step INTEGER, 
	ttl_seconds BIGINT, 
	size_bytes BIGINT NOT NULL, 
	file_count INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_collection_id_artifact_collections FOREIGN KEY(collection_id) REFERENCES artifact_collections (id)
);
CREATE TABLE config_values (
	run_pk INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	number FLOAT, 
	text TEXT, 
	CONSTRAINT pk_config_values PRIMARY KEY (run_pk, "key"), 
	CONSTRAINT fk_config_values_run_pk_runs FOREIGN KEY(run_pk) REFERENCES runs (pk) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "config_values" VALUES(1,'lr',0.1,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	kind TEXT NOT NULL, 
	sweep_id TEXT, 
	trial_id TEXT, 
	run_id TEXT, 
	agent_id TEXT, 
	reason TEXT, 
	facts TEXT NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id)
);
INSERT INTO "events" VALUES(1,'2026-11-23 12:00:00.000000','sweep.registered','e097rebv',NULL,NULL,NULL,'old','{}');
INSERT INTO "events" VALUES(2,'2026-11-23 12:00:00.000000','trial.queued','e097rebv','e097rebv-0',NULL,NULL,'registered','{}');
INSERT INTO "events" VALUES(3,'2026-11-23 12:00:00.000000','trial.queued','e097rebv','e097rebv-1',NULL,NULL,'registered','{}');
INSERT INTO "events" VALUES(4,'2026-11-23 12:00:00.000000','trial.queued','e097rebv','e097rebv-2',NULL,NULL,'registered','{}');
INSERT INTO "events" VALUES(5,'2026-11-23 12:00:00.000000','trial.queued','e097rebv','e097rebv-3',NULL,NULL,'registered','{}');
INSERT INTO "events" VALUES(6,'2026-11-23 12:00:00.000000','run.running',NULL,NULL,'run-9pbp9s8q9p0y',NULL,NULL,'{}');
CREATE TABLE files (
	id INTEGER NOT NULL, 
	run_pk INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	blob TEXT, 
	size_bytes BIGINT, 
	md5 TEXT, 
	mimetype TEXT, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_files PRIMARY KEY (id), 
	CONSTRAINT fk_files_run_pk_runs FOREIGN KEY(run_pk) REFERENCES runs (pk) ON DELETE CASCADE, 
	CONSTRAINT uq_files_run_pk_name UNIQUE (run_pk, name)
);
CREATE TABLE idempotency_records (
	key_id TEXT NOT NULL, 
	idempotency_key TEXT NOT NULL, 
	request_hash TEXT NOT NULL, 
	status INTEGER NOT NULL, 
	headers TEXT NOT NULL, 
	body TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_idempotency_records PRIMARY KEY (key_id, idempotency_key)
);
CREATE TABLE keys (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	entity TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	last_used_at DATETIME, 
	revoked_at DATETIME, 
	CONSTRAINT pk_keys PRIMARY KEY (id), 
	CONSTRAINT uq_keys_hash UNIQUE (hash)
);
INSERT INTO "keys" VALUES('7lj89ej3','old','local-e339a8','25aeb29b36490536fb6f4f5f8c80c906509572aff04ab189c05674211b973433','lab','["read"]','2026-11-23 12:00:00.000000',NULL,NULL,NULL);
CREATE TABLE program_schemas (
	name TEXT NOT NULL, 
	schema TEXT NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_program_schemas PRIMARY KEY (name)
);
CREATE TABLE projects (
	id INTEGER NOT NULL, 
	entity TEXT NOT NULL, 
	name TEXT NOT NULL, 
	description TEXT, 
	created_at DATETIME NOT NULL, 
	run_count INTEGER NOT NULL, 
	CONSTRAINT pk_projects PRIMARY KEY (id), 
	CONSTRAINT uq_projects_entity_name UNIQUE (entity, name)
);
INSERT INTO "projects" VALUES(1,'lab','imdb',NULL,'2026-11-23 12:00:00.000000',1);
CREATE TABLE runs (
	pk INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	project_id INTEGER NOT NULL, 
	wandb_id TEXT NOT NULL, 
	sweep_id TEXT, 
	trial_id TEXT, 
	attempt INTEGER NOT NULL, 
	agent_id TEXT, 
	display_name TEXT, 
	state TEXT NOT NULL, 
	reason TEXT, 
	exit_code INTEGER, 
	config_text TEXT NOT NULL, 
	summary_text TEXT NOT NULL, 
	tags TEXT NOT NULL, 
	notes TEXT, 
	run_group TEXT, 
	job_type TEXT, 
	description TEXT, 
	host TEXT, 
	program TEXT, 
	git_commit TEXT, 
	repo TEXT, 
	gpu_name TEXT, 
	username TEXT, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	heartbeat_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	updated_at DATETIME NOT NULL, 
	handed_out INTEGER NOT NULL, 
	listed_at DATETIME, 
	dropped_at DATETIME, 
	stop_requested_at DATETIME, 
	stop_reason TEXT, 
	preempting BOOLEAN NOT NULL, 
	process_token TEXT, 
	superseded_tokens TEXT NOT NULL, 
	session INTEGER NOT NULL, 
	history_lines INTEGER NOT NULL, 
	events_lines INTEGER NOT NULL, 
	output_lines INTEGER NOT NULL, 
	last_step INTEGER, 
	history_keys TEXT NOT NULL, 
	system_metrics_text TEXT, 
	deleted_at DATETIME, 
	CONSTRAINT pk_runs PRIMARY KEY (pk), 
	CONSTRAINT fk_runs_project_id_projects FOREIGN KEY(project_id) REFERENCES projects (id), 
	CONSTRAINT fk_runs_sweep_id_sweeps FOREIGN KEY(sweep_id) REFERENCES sweeps (id), 
	CONSTRAINT fk_runs_trial_id_trials FOREIGN KEY(trial_id) REFERENCES trials (id), 
	CONSTRAINT uq_runs_id UNIQUE (id), 
	CONSTRAINT uq_runs_project_id_wandb_id UNIQUE (project_id, wandb_id)
);
INSERT INTO "runs" VALUES(1,'run-9pbp9s8q9p0y',1,'oldrun01',NULL,NULL,1,NULL,'run-oldrun01','running',NULL,NULL,'{"lr": {"value": 0.1}, "_wandb": {"value": {}}}','{"loss": 0.30000000000000004, "gap": NaN}','[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-23 12:00:00.000000','2026-11-23 12:00:00.000000','2026-11-23 12:00:00.000000',NULL,'2026-11-23 12:00:00.000000',0,NULL,NULL,NULL,NULL,0,NULL,'[]',0,2,0,0,1,'{"_step": ["number", 2], "loss": ["number", 2]}',NULL,NULL);
CREATE TABLE secrets (
	name TEXT NOT NULL, 
	value BLOB NOT NULL, 
	CONSTRAINT pk_secrets PRIMARY KEY (name)
);
INSERT INTO "secrets" VALUES('signing',X'2FE6C904DE006D62A36D8FE9A0C6D922EAC635D9592406D4772950D9008E6ACE');
CREATE TABLE stream_lines (
	run_pk INTEGER NOT NULL, 
	session INTEGER NOT NULL, 
	stream INTEGER NOT NULL, 
	line INTEGER NOT NULL, 
	step INTEGER, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_stream_lines PRIMARY KEY (run_pk, session, stream, line), 
	CONSTRAINT fk_stream_lines_run_pk_runs FOREIGN KEY(run_pk) REFERENCES runs (pk) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "stream_lines" VALUES(1,0,0,0,0,'{"_step":0,"loss":NaN}');
INSERT INTO "stream_lines" VALUES(1,0,0,1,1,'{"_step":1,"loss":0.30000000000000004}');
CREATE TABLE summary_values (
	run_pk INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	number FLOAT, 
	text TEXT, 
	CONSTRAINT pk_summary_values PRIMARY KEY (run_pk, "key"), 
	CONSTRAINT fk_summary_values_run_pk_runs FOREIGN KEY(run_pk) REFERENCES runs (pk) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "summary_values" VALUES(1,'gap',NULL,'NaN');
INSERT INTO "summary_values" VALUES(1,'loss',3.00000000000000044408e-01,NULL);
CREATE TABLE sweeps (
	id TEXT NOT NULL, 
	project_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	description TEXT, 
	state TEXT NOT NULL, 
	reason TEXT, 
	method TEXT NOT NULL, 
	config TEXT NOT NULL, 
	client_config TEXT NOT NULL, 
	metric_name TEXT, 
	metric_goal TEXT, 
	metric_target FLOAT, 
	program TEXT, 
	factors TEXT NOT NULL, 
	run_cap INTEGER, 
	expected_trials INTEGER, 
	trial_counts TEXT NOT NULL, 
	search_seed BIGINT NOT NULL, 
	retry_failed INTEGER NOT NULL, 
	retry_interrupted INTEGER NOT NULL, 
	resumable BOOLEAN NOT NULL, 
	controller TEXT, 
	scheduler TEXT, 
	prior_runs_filters TEXT, 
	warnings TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	created_by TEXT, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	CONSTRAINT pk_sweeps PRIMARY KEY (id), 
	CONSTRAINT fk_sweeps_project_id_projects FOREIGN KEY(project_id) REFERENCES projects (id)
);
INSERT INTO "sweeps" VALUES('e097rebv',1,'sweep-e097rebv',NULL,'registered',NULL,'grid','{"method": "grid", "project": "imdb", "program": "train.py", "metric": {"name": "loss", "goal": "minimize"}, "parameters": {"lr": {"values": [0.1, 0.2]}, "batch": {"values": [8, 64]}}}','method: grid
project: imdb
program: train.py
metric:
  name: loss
  goal: minimize
parameters:
  lr:
    values:
    - 0.1
    - 0.2
  batch:
    values:
    - 8
    - 64
','loss','minimize',NULL,'train.py','[{"name": "lr", "kind": "levels", "keys": ["lr"], "baseline": null, "levels": [{"label": "0.1", "values": {"lr": 0.1}}, {"label": "0.2", "values": {"lr": 0.2}}]}, {"name": "batch", "kind": "levels", "keys": ["batch"], "baseline": null, "levels": [{"label": "8", "values": {"batch": 8}}, {"label": "64", "values": {"batch": 64}}]}]',NULL,4,'{"queued": 4}',4759499148934130,1,3,0,NULL,NULL,NULL,'[]',1,'old','2026-11-23 12:00:00.000000','2026-11-23 12:00:00.000000',NULL);
CREATE TABLE trials (
	id TEXT NOT NULL, 
	sweep_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	setting TEXT NOT NULL, 
	replicate TEXT NOT NULL, 
	args TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT, 
	run_pk INTEGER, 
	agent_id TEXT, 
	attempts INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	interruptions INTEGER NOT NULL, 
	resume_next BOOLEAN NOT NULL, 
	avoid_hosts TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_trials PRIMARY KEY (id), 
	CONSTRAINT fk_trials_sweep_id_sweeps FOREIGN KEY(sweep_id) REFERENCES sweeps (id), 
	CONSTRAINT uq_trials_sweep_id_number UNIQUE (sweep_id, number)
);
INSERT INTO "trials" VALUES('e097rebv-0','e097rebv',0,'{"lr": "0.1", "batch": "8"}','{}','{"lr": 0.1, "batch": 8}','queued',NULL,NULL,NULL,0,0,0,0,'[]','2026-11-23 12:00:00.000000','2026-11-23 12:00:00.000000');
INSERT INTO "trials" VALUES('e097rebv-1','e097rebv',1,'{"lr": "0.1", "batch": "64"}','{}','{"lr": 0.1, "batch": 64}','queued',NULL,NULL,NULL,0,0,0,0,'[]','2026-11-23 12:00:00.000000','2026-11-23 12:00:00.000000');
INSERT INTO "trials" VALUES('e097rebv-2','e097rebv',2,'{"lr": "0.2", "batch": "8"}','{}','{"lr": 0.2, "batch": 8}','queued',NULL,NULL,NULL,0,0,0,0,'[]','2026-11-23 12:00:00.000000','2026-11-23 12:00:00.000000');
INSERT INTO "trials" VALUES('e097rebv-3','e097rebv',3,'{"lr": "0.2", "batch": "64"}','{}','{"lr": 0.2, "batch": 64}','queued',NULL,NULL,NULL,0,0,0,0,'[]','2026-11-23 12:00:00.000000','2026-11-23 12:00:00.000000');
CREATE INDEX ix_events_agent_id ON events (agent_id);
CREATE INDEX ix_events_run_id ON events (run_id);
CREATE INDEX ix_events_sweep_id ON events (sweep_id);
CREATE INDEX ix_events_trial_id ON events (trial_id);
CREATE INDEX ix_idempotency_records_created_at ON idempotency_records (created_at);
CREATE INDEX ix_artifact_collections_client_id ON artifact_collections (client_id);
CREATE INDEX ix_sweeps_created_at ON sweeps (created_at);
CREATE INDEX ix_sweeps_project_id ON sweeps (project_id);
CREATE INDEX ix_agents_host ON agents (host);
CREATE INDEX ix_agents_state ON agents (state);
CREATE INDEX ix_agents_sweep_id ON agents (sweep_id);
CREATE INDEX ix_artifacts_client_id ON artifacts (client_id);
CREATE INDEX ix_artifacts_collection_id_digest ON artifacts (collection_id, digest);
CREATE INDEX ix_artifacts_created_by_run_pk ON artifacts (created_by_run_pk);
CREATE INDEX ix_trials_sweep_id_state_number ON trials (sweep_id, state, number);
CREATE INDEX ix_artifact_aliases_artifact_id ON artifact_aliases (artifact_id);
CREATE INDEX ix_artifact_files_md5 ON artifact_files (md5);
CREATE INDEX ix_artifact_manifests_artifact_id ON artifact_manifests (artifact_id);
CREATE INDEX ix_artifact_memberships_artifact_id ON artifact_memberships (artifact_id);
CREATE INDEX ix_runs_agent_id ON runs (agent_id);
CREATE INDEX ix_runs_project_id_created_at ON runs (project_id, created_at);
CREATE INDEX ix_runs_state_heartbeat_at ON runs (state, heartbeat_at);
CREATE INDEX ix_runs_sweep_id ON runs (sweep_id);
CREATE INDEX ix_runs_trial_id ON runs (trial_id);
CREATE INDEX ix_config_values_key_number ON config_values ("key", number);
CREATE INDEX ix_summary_values_key_number ON summary_values ("key", number);
COMMIT;
