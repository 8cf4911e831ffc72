-- A database as Parley 0.1.0 left it (schema revision 0001): what test_database_of_0_1_0.py opens.
--
-- It was made with the code of 0.1.0, through `storage.open_store` with a clock that starts at
-- 2026-03-01 12:00 UTC and advances by a second with each reading, and through
-- `adapters.slack.installations`; then dumped with sqlite3.Connection.iterdump. In order:
--   1. Discord channel: a question, answered; a reset; a question, answered, rated, regenerated into
--      two messages, rated again, and edited; a question, stopped, then deleted; settings.
--   2. Discord thread: a question whose answer was being written in two messages (checkpointed).
--   3. Discord DM: an answer cut at the length limit, continued, and queued.
--   4. Slack thread: an answer closed whose end was not delivered.
--   5. Slack channel of an Enterprise Grid workspace: muted; a failed answer.
--   6. Terminal: an interrupted answer.
--   7. One installation of the Slack app in a workspace; the token is made up.
-- It stands for the databases that people have, and never changes. A later release gets a file of
-- its own.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE answers (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	question_id INTEGER NOT NULL,
	current BOOLEAN NOT NULL,
	state VARCHAR(16) NOT NULL,
	unfinished BOOLEAN NOT NULL,
	created_at DATETIME NOT NULL,
	charged_to TEXT,
	prompt_tokens INTEGER NOT NULL,
	cached_tokens INTEGER NOT NULL,
	completion_tokens INTEGER NOT NULL,
	first_token_seconds DOUBLE NOT NULL,
	total_seconds DOUBLE NOT NULL,
	text TEXT NOT NULL,
	CONSTRAINT fk_answers_question_id FOREIGN KEY(question_id) REFERENCES questions (id) ON DELETE CASCADE
);
INSERT INTO "answers" VALUES(1,1,1,'done',0,'2026-03-01 12:00:04.000000','discord:11',40,0,6,0.5,1.5,'A tower with a light.');
INSERT INTO "answers" VALUES(2,2,0,'done',0,'2026-03-01 12:00:09.000000','discord:11',50,20,3,0.25,0.75,'Apple.');
INSERT INTO "answers" VALUES(3,2,1,'done',0,'2026-03-01 12:00:12.000000','discord:12',50,45,12,0.125,1.0,'Pear.

```python
print(''pear'')
```');
INSERT INTO "answers" VALUES(5,4,1,'writing',1,'2026-03-01 12:00:22.000000','discord:12',0,0,0,0.0,0.0,'Once upon a time there was');
INSERT INTO "answers" VALUES(6,5,1,'queued',1,'2026-03-01 12:00:26.000000','discord:11',20,0,8,0.3,0.6,'1, 2, 3');
INSERT INTO "answers" VALUES(7,6,1,'done',1,'2026-03-01 12:00:32.000000','slack:U1',30,10,7,0.2,0.9,'I cannot see outside.');
INSERT INTO "answers" VALUES(8,7,1,'failed',0,'2026-03-01 12:00:37.000000','slack:U1',0,0,0,0.0,0.0,'');
INSERT INTO "answers" VALUES(9,8,1,'interrupted',0,'2026-03-01 12:00:41.000000','console:local',15,0,2,0.1,0.2,'I will');
CREATE TABLE conversations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	"key" TEXT NOT NULL,
	hidden_to INTEGER NOT NULL,
	CONSTRAINT uq_conversations_key UNIQUE ("key")
);
INSERT INTO "conversations" VALUES(1,'discord:100/300',1);
INSERT INTO "conversations" VALUES(5,'discord:100/300/400',0);
INSERT INTO "conversations" VALUES(6,'discord:/500',0);
INSERT INTO "conversations" VALUES(7,'slack:T1/C1/1772366400.000100',0);
INSERT INTO "conversations" VALUES(8,'slack:E1.T2/C2',0);
INSERT INTO "conversations" VALUES(10,'console:/notes',0);
CREATE TABLE events (
	platform TEXT NOT NULL,
	event_id TEXT NOT NULL,
	seen_at DATETIME NOT NULL,
	CONSTRAINT pk_events PRIMARY KEY (platform, event_id)
)
 WITHOUT ROWID

;
INSERT INTO "events" VALUES('discord','1001','2026-03-01 12:00:01.000000');
INSERT INTO "events" VALUES('discord','1002','2026-03-01 12:00:06.000000');
INSERT INTO "events" VALUES('discord','1003','2026-03-01 12:00:14.000000');
INSERT INTO "events" VALUES('discord','1004','2026-03-01 12:00:19.000000');
INSERT INTO "events" VALUES('discord','1005','2026-03-01 12:00:23.000000');
INSERT INTO "events" VALUES('slack','Ev1','2026-03-01 12:00:29.000000');
INSERT INTO "events" VALUES('slack','Ev2','2026-03-01 12:00:34.000000');
INSERT INTO "events" VALUES('console','local-1','2026-03-01 12:00:38.000000');
CREATE TABLE feedback (
	answer_id INTEGER NOT NULL,
	person TEXT NOT NULL,
	verdict INTEGER NOT NULL,
	CONSTRAINT pk_feedback PRIMARY KEY (answer_id, person),
	CONSTRAINT fk_feedback_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "feedback" VALUES(2,'discord:12',-1);
INSERT INTO "feedback" VALUES(3,'discord:11',1);
INSERT INTO "feedback" VALUES(3,'discord:12',1);
CREATE TABLE questions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	conversation_id INTEGER NOT NULL,
	event_id TEXT NOT NULL,
	message_id TEXT NOT NULL,
	author TEXT NOT NULL,
	author_name TEXT NOT NULL,
	author_admin BOOLEAN NOT NULL,
	direct BOOLEAN NOT NULL,
	asked_at DATETIME NOT NULL,
	text TEXT NOT NULL,
	CONSTRAINT fk_questions_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversations (id)
);
INSERT INTO "questions" VALUES(1,1,'1001','1001','discord:11','Ann',0,0,'2026-03-01 12:00:03.000000','What is a lighthouse?');
INSERT INTO "questions" VALUES(2,1,'1002','1002','discord:11','Ann',0,0,'2026-03-01 12:00:08.000000','Name a fruit 🍎, please.');
INSERT INTO "questions" VALUES(4,5,'1004','1004','discord:12','Bob',1,0,'2026-03-01 12:00:21.000000','Tell me a long story');
INSERT INTO "questions" VALUES(5,6,'1005','1005','discord:11','Ann',0,1,'2026-03-01 12:00:25.000000','Count to a thousand');
INSERT INTO "questions" VALUES(6,7,'Ev1','1772366400.000100','slack:U1','Eve',0,0,'2026-03-01 12:00:31.000000','Is it raining?');
INSERT INTO "questions" VALUES(7,8,'Ev2','1772366500.000300','slack:U1','Eve',0,0,'2026-03-01 12:00:36.000000','Hello?');
INSERT INTO "questions" VALUES(8,10,'local-1','','console:local','you',1,1,'2026-03-01 12:00:40.000000','Remember the milk');
CREATE TABLE settings (
	conversation_id INTEGER NOT NULL,
	system_prompt TEXT,
	temperature DOUBLE,
	max_new_tokens INTEGER,
	show_names BOOLEAN,
	muted BOOLEAN NOT NULL,
	CONSTRAINT pk_settings PRIMARY KEY (conversation_id),
	CONSTRAINT fk_settings_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);
INSERT INTO "settings" VALUES(1,'Be brief.',0.0,128,1,0);
INSERT INTO "settings" VALUES(8,NULL,NULL,NULL,NULL,1);
CREATE TABLE shown (
	answer_id INTEGER NOT NULL,
	part INTEGER NOT NULL,
	message TEXT NOT NULL,
	CONSTRAINT pk_shown PRIMARY KEY (answer_id, part),
	CONSTRAINT fk_shown_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "shown" VALUES(1,0,'2001');
INSERT INTO "shown" VALUES(3,0,'2002');
INSERT INTO "shown" VALUES(3,1,'2003');
INSERT INTO "shown" VALUES(5,0,'2004');
INSERT INTO "shown" VALUES(5,1,'2005');
INSERT INTO "shown" VALUES(6,0,'2006');
INSERT INTO "shown" VALUES(7,0,'1772366401.000200');
INSERT INTO "shown" VALUES(9,0,'screen');
CREATE TABLE slack_bots (
	id INTEGER NOT NULL,
	client_id VARCHAR(32) NOT NULL,
	app_id VARCHAR(32) NOT NULL,
	enterprise_id VARCHAR(32),
	enterprise_name VARCHAR(200),
	team_id VARCHAR(32),
	team_name VARCHAR(200),
	bot_token VARCHAR(200),
	bot_id VARCHAR(32),
	bot_user_id VARCHAR(32),
	bot_scopes VARCHAR(1000),
	bot_refresh_token VARCHAR(200),
	bot_token_expires_at DATETIME,
	is_enterprise_install BOOLEAN NOT NULL,
	installed_at DATETIME NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "slack_bots" VALUES(1,'1.2','A1',NULL,NULL,'T1',NULL,'xoxb-example','B1','U9','chat:write',NULL,NULL,0,'2026-03-01 11:53:20.000000');
CREATE TABLE slack_installations (
	id INTEGER NOT NULL,
	client_id VARCHAR(32) NOT NULL,
	app_id VARCHAR(32) NOT NULL,
	enterprise_id VARCHAR(32),
	enterprise_name VARCHAR(200),
	enterprise_url VARCHAR(200),
	team_id VARCHAR(32),
	team_name VARCHAR(200),
	bot_token VARCHAR(200),
	bot_id VARCHAR(32),
	bot_user_id VARCHAR(32),
	bot_scopes VARCHAR(1000),
	bot_refresh_token VARCHAR(200),
	bot_token_expires_at DATETIME,
	user_id VARCHAR(32) NOT NULL,
	user_token VARCHAR(200),
	user_scopes VARCHAR(1000),
	user_refresh_token VARCHAR(200),
	user_token_expires_at DATETIME,
	incoming_webhook_url VARCHAR(200),
	incoming_webhook_channel VARCHAR(200),
	incoming_webhook_channel_id VARCHAR(200),
	incoming_webhook_configuration_url VARCHAR(200),
	is_enterprise_install BOOLEAN NOT NULL,
	token_type VARCHAR(32),
	installed_at DATETIME NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "slack_installations" VALUES(1,'1.2','A1',NULL,NULL,NULL,'T1',NULL,'xoxb-example','B1','U9','chat:write',NULL,NULL,'U1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'2026-03-01 11:53:20.000000');
CREATE TABLE slack_oauth_states (
	id INTEGER NOT NULL,
	state VARCHAR(200) NOT NULL,
	expire_at DATETIME NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE usage (
	person TEXT NOT NULL,
	day DATE NOT NULL,
	answers INTEGER NOT NULL,
	tokens INTEGER NOT NULL,
	CONSTRAINT pk_usage PRIMARY KEY (person, day)
)
 WITHOUT ROWID

;
INSERT INTO "usage" VALUES('console:local','2026-03-01',1,17);
INSERT INTO "usage" VALUES('discord:11','2026-03-01',5,138);
INSERT INTO "usage" VALUES('discord:12','2026-03-01',2,62);
INSERT INTO "usage" VALUES('slack:U1','2026-03-01',2,37);
CREATE INDEX ix_questions_paging ON questions (conversation_id, id);
CREATE INDEX ix_questions_message ON questions (conversation_id, message_id);
CREATE INDEX ix_questions_author ON questions (author);
CREATE INDEX ix_questions_asked_at ON questions (asked_at);
CREATE INDEX ix_answers_question_id ON answers (question_id);
CREATE INDEX ix_answers_charged_to ON answers (charged_to);
CREATE UNIQUE INDEX uq_answers_current ON answers (question_id) WHERE current = 1;
CREATE INDEX ix_answers_unfinished ON answers (unfinished, question_id) WHERE unfinished = 1;
CREATE INDEX ix_feedback_person ON feedback (person);
CREATE INDEX ix_usage_day ON usage (day);
CREATE INDEX ix_events_seen_at ON events (seen_at);
CREATE INDEX slack_bots_idx ON slack_bots (client_id, enterprise_id, team_id, installed_at);
CREATE INDEX slack_installations_idx ON slack_installations (client_id, enterprise_id, team_id, user_id, installed_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('conversations',10);
INSERT INTO "sqlite_sequence" VALUES('questions',8);
INSERT INTO "sqlite_sequence" VALUES('answers',9);
COMMIT;
