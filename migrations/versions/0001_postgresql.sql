CREATE TABLE audit_entry (
  seq INTEGER NOT NULL,
  chain VARCHAR(26) NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  actor VARCHAR(60) NOT NULL,
  actor_name VARCHAR(80) NOT NULL,
  action VARCHAR(80) NOT NULL,
  target VARCHAR(120) NOT NULL,
  reason VARCHAR(500),
  detail JSONB NOT NULL,
  previous_hash VARCHAR(64) NOT NULL,
  hash VARCHAR(64) NOT NULL,
  CONSTRAINT pk_audit_entry PRIMARY KEY (seq),
  CONSTRAINT uq_audit_entry_hash UNIQUE (hash)
);

CREATE INDEX ix_audit_entry_at ON audit_entry (at);

CREATE INDEX ix_audit_entry_target_seq ON audit_entry (target, seq);

CREATE TABLE audit_head (
  id INTEGER NOT NULL,
  chain VARCHAR(26) NOT NULL,
  count INTEGER NOT NULL,
  hash VARCHAR(64) NOT NULL,
  CONSTRAINT pk_audit_head PRIMARY KEY (id)
);

CREATE TABLE camera (
  id VARCHAR(26) NOT NULL,
  name VARCHAR(80) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  unit_path VARCHAR(200) NOT NULL,
  url VARCHAR(400) NOT NULL,
  version INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  created_by VARCHAR(60) NOT NULL,
  CONSTRAINT pk_camera PRIMARY KEY (id)
);

CREATE TABLE directory_unit (
  id VARCHAR(26) NOT NULL,
  parent_id VARCHAR(26),
  path VARCHAR(300) NOT NULL,
  kind VARCHAR(40) NOT NULL,
  name VARCHAR(60) NOT NULL,
  code VARCHAR(30) NOT NULL,
  longitude DOUBLE PRECISION,
  latitude DOUBLE PRECISION,
  note VARCHAR(500) NOT NULL,
  position INTEGER NOT NULL,
  version INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  removed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_directory_unit PRIMARY KEY (id),
  CONSTRAINT ck_directory_unit_longitude_range CHECK (longitude BETWEEN -180 AND 180),
  CONSTRAINT ck_directory_unit_latitude_range CHECK (latitude BETWEEN -90 AND 90),
  CONSTRAINT fk_directory_unit_parent_id_directory_unit FOREIGN KEY(parent_id) REFERENCES directory_unit (id),
  CONSTRAINT uq_directory_unit_path UNIQUE (path),
  CONSTRAINT ck_directory_unit_kind CHECK (kind IN ('county', 'township', 'village', 'department', 'company', 'station'))
);

CREATE INDEX ix_directory_unit_parent_id_position ON directory_unit (parent_id, position);

CREATE TABLE duty_shift (
  id VARCHAR(26) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  unit_path VARCHAR(300) NOT NULL,
  starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
  leader_id VARCHAR(26) NOT NULL,
  officer_ids JSONB NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_duty_shift PRIMARY KEY (id),
  CONSTRAINT ck_duty_shift_ends_after_start CHECK (ends_at > starts_at)
);

CREATE INDEX ix_duty_shift_unit_path_starts_at ON duty_shift (unit_path, starts_at);

CREATE TABLE event_outbox (
  id VARCHAR(26) NOT NULL,
  key VARCHAR(200),
  name VARCHAR(100) NOT NULL,
  payload JSONB NOT NULL,
  recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
  is_done BOOLEAN NOT NULL,
  attempts INTEGER NOT NULL,
  retry_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_event_outbox PRIMARY KEY (id),
  CONSTRAINT uq_event_outbox_key UNIQUE (key)
);

CREATE INDEX ix_event_outbox_is_done_retry_at ON event_outbox (is_done, retry_at);

CREATE TABLE hazard (
  id VARCHAR(26) NOT NULL,
  kind VARCHAR(40) NOT NULL,
  name VARCHAR(80) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  unit_path VARCHAR(300) NOT NULL,
  unit_name VARCHAR(80) NOT NULL,
  longitude FLOAT(53) NOT NULL,
  latitude FLOAT(53) NOT NULL,
  township_id VARCHAR(26),
  address VARCHAR(120) NOT NULL,
  holdings JSONB NOT NULL,
  exposed_500m INTEGER,
  responsible_ids JSONB NOT NULL,
  attributes JSONB NOT NULL,
  is_removed BOOLEAN NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_hazard PRIMARY KEY (id)
);

CREATE INDEX ix_hazard_kind ON hazard (kind);

CREATE INDEX ix_hazard_unit_path ON hazard (unit_path);

CREATE TABLE incident_series (
  series VARCHAR(10) NOT NULL,
  last INTEGER NOT NULL,
  CONSTRAINT pk_incident_series PRIMARY KEY (series)
);

CREATE TABLE meeting (
  id VARCHAR(26) NOT NULL,
  key VARCHAR(120) NOT NULL,
  title VARCHAR(120) NOT NULL,
  unit_path VARCHAR(200) NOT NULL,
  incident_id VARCHAR(26),
  is_drill BOOLEAN NOT NULL,
  state VARCHAR(40) NOT NULL,
  starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  created_by VARCHAR(60) NOT NULL,
  room_state JSONB NOT NULL,
  node VARCHAR(26),
  node_url VARCHAR(200),
  node_until TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_meeting PRIMARY KEY (id),
  CONSTRAINT ck_meeting_ends_after_start CHECK (ends_at > starts_at),
  CONSTRAINT ck_meeting_ended_has_time CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
  CONSTRAINT uq_meeting_key UNIQUE (key),
  CONSTRAINT ck_meeting_state CHECK (state IN ('scheduled', 'open', 'ended'))
);

CREATE INDEX ix_meeting_state_starts_at ON meeting (state, starts_at);

CREATE TABLE plan (
  id VARCHAR(40) NOT NULL,
  version INTEGER NOT NULL,
  title VARCHAR(120) NOT NULL,
  issued_on DATE NOT NULL,
  review_due_on DATE NOT NULL,
  is_current BOOLEAN NOT NULL,
  document JSONB NOT NULL,
  installed_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_plan PRIMARY KEY (id, version),
  CONSTRAINT ck_plan_version_from_one CHECK (version >= 1)
);

CREATE TABLE site_cap (
  unit_id VARCHAR(26) NOT NULL,
  max_up_bps INTEGER,
  max_down_bps INTEGER,
  set_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_site_cap PRIMARY KEY (unit_id)
);

CREATE TABLE site_pin (
  unit_id VARCHAR(26) NOT NULL,
  pin_hash VARCHAR(200) NOT NULL,
  set_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_site_pin PRIMARY KEY (unit_id)
);

CREATE TABLE sms_balance_reading (
  id VARCHAR(26) NOT NULL,
  imsi VARCHAR(20) NOT NULL,
  modem VARCHAR(40) NOT NULL,
  text VARCHAR(300) NOT NULL,
  fen INTEGER,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sms_balance_reading PRIMARY KEY (id)
);

CREATE INDEX ix_sms_balance_reading_imsi_at ON sms_balance_reading (imsi, at);

CREATE TABLE sms_call (
  id VARCHAR(26) NOT NULL,
  idempotency_key VARCHAR(120) NOT NULL,
  number VARCHAR(20) NOT NULL,
  name VARCHAR(80) NOT NULL,
  is_demo BOOLEAN NOT NULL,
  unit_path VARCHAR(200) NOT NULL,
  context JSONB NOT NULL,
  ring_s INTEGER NOT NULL,
  state VARCHAR(40) NOT NULL,
  result VARCHAR(20),
  modem VARCHAR(40),
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE,
  ended_at TIMESTAMP WITH TIME ZONE,
  interruptions INTEGER NOT NULL,
  CONSTRAINT pk_sms_call PRIMARY KEY (id),
  CONSTRAINT uq_sms_call_idempotency_key UNIQUE (idempotency_key),
  CONSTRAINT ck_sms_call_done_has_time CHECK ((state = 'done') = (ended_at IS NOT NULL)),
  CONSTRAINT ck_sms_call_state CHECK (state IN ('queued', 'ringing', 'done'))
);

CREATE INDEX ix_sms_call_state_created_at ON sms_call (state, created_at);

CREATE TABLE sms_counter (
  name VARCHAR(220) NOT NULL,
  value BIGINT NOT NULL,
  CONSTRAINT pk_sms_counter PRIMARY KEY (name)
);

CREATE TABLE sms_incoming_pdu (
  id VARCHAR(26) NOT NULL,
  modem VARCHAR(40) NOT NULL,
  imsi VARCHAR(20) NOT NULL,
  hex VARCHAR(400) NOT NULL,
  received_at TIMESTAMP WITH TIME ZONE NOT NULL,
  kind VARCHAR(20) NOT NULL,
  sender VARCHAR(30),
  text TEXT,
  concat_reference INTEGER,
  is_wide BOOLEAN NOT NULL,
  part INTEGER,
  parts INTEGER,
  is_joined BOOLEAN NOT NULL,
  CONSTRAINT pk_sms_incoming_pdu PRIMARY KEY (id),
  CONSTRAINT uq_sms_incoming_pdu_imsi_hex UNIQUE (imsi, hex)
);

CREATE INDEX ix_sms_incoming_pdu_sender_concat_reference_is_joined ON sms_incoming_pdu (sender, concat_reference, is_joined);

CREATE TABLE sms_message (
  id VARCHAR(26) NOT NULL,
  idempotency_key VARCHAR(120) NOT NULL,
  class VARCHAR(40) NOT NULL,
  text TEXT NOT NULL,
  wire_text TEXT NOT NULL,
  sender VARCHAR(60) NOT NULL,
  unit_path VARCHAR(200) NOT NULL,
  is_drill BOOLEAN NOT NULL,
  is_flash BOOLEAN NOT NULL,
  choices JSONB,
  answers_until TIMESTAMP WITH TIME ZONE,
  context JSONB NOT NULL,
  recipient_count INTEGER NOT NULL,
  segment_count INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  cancelled_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_sms_message PRIMARY KEY (id),
  CONSTRAINT uq_sms_message_idempotency_key UNIQUE (idempotency_key),
  CONSTRAINT ck_sms_message_class CHECK (class IN ('alert', 'command', 'reply', 'notice', 'bulletin'))
);

CREATE INDEX ix_sms_message_created_at ON sms_message (created_at);

CREATE TABLE sms_modem (
  name VARCHAR(40) NOT NULL,
  node VARCHAR(60) NOT NULL,
  state VARCHAR(20) NOT NULL,
  view JSONB NOT NULL,
  seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sms_modem PRIMARY KEY (name, node)
);

CREATE TABLE sms_modem_lease (
  device VARCHAR(300) NOT NULL,
  owner VARCHAR(60) NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sms_modem_lease PRIMARY KEY (device)
);

CREATE TABLE sms_number (
  number VARCHAR(20) NOT NULL,
  carrier VARCHAR(20),
  carrier_set_by VARCHAR(60),
  blocked_by VARCHAR(60),
  blocked_at TIMESTAMP WITH TIME ZONE,
  note VARCHAR(200) NOT NULL,
  CONSTRAINT pk_sms_number PRIMARY KEY (number),
  CONSTRAINT ck_sms_number_blocked_has_time CHECK ((blocked_at IS NULL) = (blocked_by IS NULL))
);

CREATE TABLE sms_order (
  id VARCHAR(26) NOT NULL,
  idempotency_key VARCHAR(120) NOT NULL,
  state VARCHAR(40) NOT NULL,
  submission JSONB NOT NULL,
  audience JSONB,
  recipient_count INTEGER NOT NULL,
  unit_path VARCHAR(200) NOT NULL,
  sender VARCHAR(60) NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE,
  repeat VARCHAR(20),
  repeat_until TIMESTAMP WITH TIME ZONE,
  runs INTEGER NOT NULL,
  message_id VARCHAR(26),
  decided_by VARCHAR(60),
  decided_at TIMESTAMP WITH TIME ZONE,
  reason VARCHAR(200) NOT NULL,
  CONSTRAINT pk_sms_order PRIMARY KEY (id),
  CONSTRAINT uq_sms_order_idempotency_key UNIQUE (idempotency_key),
  CONSTRAINT ck_sms_order_scheduled_has_time CHECK (state != 'scheduled' OR due_at IS NOT NULL),
  CONSTRAINT ck_sms_order_refused_by_whom CHECK (state != 'refused' OR decided_by IS NOT NULL),
  CONSTRAINT ck_sms_order_state CHECK (state IN ('waiting', 'scheduled', 'done', 'refused', 'cancelled'))
);

CREATE INDEX ix_sms_order_state_due_at ON sms_order (state, due_at);

CREATE TABLE sms_sim (
  imsi VARCHAR(20) NOT NULL,
  modem VARCHAR(40) NOT NULL,
  balance VARCHAR(300) NOT NULL,
  balance_fen INTEGER,
  balance_at TIMESTAMP WITH TIME ZONE,
  quarantined_at TIMESTAMP WITH TIME ZONE,
  reason VARCHAR(200) NOT NULL,
  CONSTRAINT pk_sms_sim PRIMARY KEY (imsi)
);

CREATE TABLE sms_template (
  id VARCHAR(26) NOT NULL,
  unit_path VARCHAR(200) NOT NULL,
  name VARCHAR(80) NOT NULL,
  text TEXT NOT NULL,
  longest JSONB NOT NULL,
  version INTEGER NOT NULL,
  updated_by VARCHAR(60) NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sms_template PRIMARY KEY (id),
  CONSTRAINT uq_sms_template_unit_path_name UNIQUE (unit_path, name)
);

CREATE TABLE sms_webhook (
  id VARCHAR(26) NOT NULL,
  url VARCHAR(500) NOT NULL,
  secret VARCHAR(100) NOT NULL,
  facts JSONB NOT NULL,
  is_active BOOLEAN NOT NULL,
  created_by VARCHAR(60) NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sms_webhook PRIMARY KEY (id)
);

CREATE TABLE sms_webhook_delivery (
  id VARCHAR(26) NOT NULL,
  webhook_id VARCHAR(26) NOT NULL,
  fact VARCHAR(60) NOT NULL,
  body TEXT NOT NULL,
  state VARCHAR(40) NOT NULL,
  attempts INTEGER NOT NULL,
  retry_at TIMESTAMP WITH TIME ZONE NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  error VARCHAR(200) NOT NULL,
  CONSTRAINT pk_sms_webhook_delivery PRIMARY KEY (id),
  CONSTRAINT ck_sms_webhook_delivery_state CHECK (state IN ('pending', 'done', 'given_up'))
);

CREATE INDEX ix_sms_webhook_delivery_state_retry_at ON sms_webhook_delivery (state, retry_at);

CREATE TABLE timer (
  id VARCHAR(26) NOT NULL,
  kind VARCHAR(60) NOT NULL,
  key VARCHAR(120) NOT NULL,
  payload JSONB NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE NOT NULL,
  state VARCHAR(40) NOT NULL,
  is_duration BOOLEAN NOT NULL,
  node VARCHAR(100) NOT NULL,
  attempts INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  fired_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_timer PRIMARY KEY (id),
  CONSTRAINT ck_timer_fired_has_time CHECK ((state = 'fired') = (fired_at IS NOT NULL)),
  CONSTRAINT ck_timer_state CHECK (state IN ('pending', 'fired', 'cancelled'))
);

CREATE INDEX ix_timer_kind_key_state ON timer (kind, key, state);

CREATE INDEX ix_timer_state_due_at ON timer (state, due_at);

CREATE TABLE topic (
  topic VARCHAR(80) NOT NULL,
  epoch VARCHAR(26) NOT NULL,
  seq INTEGER NOT NULL,
  CONSTRAINT pk_topic PRIMARY KEY (topic)
);

CREATE TABLE topic_change (
  topic VARCHAR(80) NOT NULL,
  seq INTEGER NOT NULL,
  kind VARCHAR(60) NOT NULL,
  data JSONB NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_topic_change PRIMARY KEY (topic, seq)
);

CREATE INDEX ix_topic_change_topic_seq ON topic_change (topic, seq);

CREATE TABLE "user" (
  id VARCHAR(26) NOT NULL,
  login VARCHAR(60) NOT NULL,
  name VARCHAR(80) NOT NULL,
  person_id VARCHAR(26),
  password_hash VARCHAR(200) NOT NULL,
  must_change_password BOOLEAN NOT NULL,
  totp_sealed VARCHAR(300),
  totp_is_on BOOLEAN NOT NULL,
  totp_last_step INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  locked_until TIMESTAMP WITH TIME ZONE,
  disabled_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  last_sign_in_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  CONSTRAINT pk_user PRIMARY KEY (id),
  CONSTRAINT uq_user_login UNIQUE (login)
);

CREATE TABLE directory_group (
  id VARCHAR(26) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  name VARCHAR(60) NOT NULL,
  rules JSONB NOT NULL,
  version INTEGER NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_directory_group PRIMARY KEY (id),
  CONSTRAINT fk_directory_group_unit_id_directory_unit FOREIGN KEY(unit_id) REFERENCES directory_unit (id)
);

CREATE INDEX ix_directory_group_unit_id ON directory_group (unit_id);

CREATE TABLE directory_import (
  id VARCHAR(26) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  file_name VARCHAR(200) NOT NULL,
  "table" JSONB NOT NULL,
  state VARCHAR(40) NOT NULL,
  created_by VARCHAR(60) NOT NULL,
  created_by_name VARCHAR(80) NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  committed_at TIMESTAMP WITH TIME ZONE,
  undone_at TIMESTAMP WITH TIME ZONE,
  removed_missing BOOLEAN NOT NULL,
  CONSTRAINT pk_directory_import PRIMARY KEY (id),
  CONSTRAINT ck_directory_import_committed_has_time CHECK ((state IN ('committed', 'undone')) = (committed_at IS NOT NULL)),
  CONSTRAINT ck_directory_import_undone_has_time CHECK ((state = 'undone') = (undone_at IS NOT NULL)),
  CONSTRAINT fk_directory_import_unit_id_directory_unit FOREIGN KEY(unit_id) REFERENCES directory_unit (id),
  CONSTRAINT ck_directory_import_state CHECK (state IN ('ready', 'committed', 'undone', 'discarded'))
);

CREATE INDEX ix_directory_import_unit_id_created_at ON directory_import (unit_id, created_at);

CREATE TABLE directory_person (
  id VARCHAR(26) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  name VARCHAR(60) NOT NULL,
  pinyin VARCHAR(300) NOT NULL,
  title VARCHAR(80) NOT NULL,
  note VARCHAR(500) NOT NULL,
  version INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  removed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_directory_person PRIMARY KEY (id),
  CONSTRAINT fk_directory_person_unit_id_directory_unit FOREIGN KEY(unit_id) REFERENCES directory_unit (id)
);

CREATE INDEX ix_directory_person_name ON directory_person (name);

CREATE INDEX ix_directory_person_unit_id ON directory_person (unit_id);

CREATE TABLE event_handled (
  event_id VARCHAR(26) NOT NULL,
  subscriber VARCHAR(100) NOT NULL,
  CONSTRAINT pk_event_handled PRIMARY KEY (event_id, subscriber),
  CONSTRAINT fk_event_handled_event_id_event_outbox FOREIGN KEY(event_id) REFERENCES event_outbox (id) ON DELETE CASCADE
);

CREATE TABLE incident (
  id VARCHAR(26) NOT NULL,
  number VARCHAR(20) NOT NULL,
  key VARCHAR(64) NOT NULL,
  title VARCHAR(80) NOT NULL,
  description TEXT NOT NULL,
  kind_code VARCHAR(5) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  unit_path VARCHAR(300) NOT NULL,
  unit_name VARCHAR(80) NOT NULL,
  place VARCHAR(120) NOT NULL,
  longitude FLOAT(53),
  latitude FLOAT(53),
  occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
  reported_at TIMESTAMP WITH TIME ZONE NOT NULL,
  reporter VARCHAR(40) NOT NULL,
  reporter_number VARCHAR(30) NOT NULL,
  source VARCHAR(40) NOT NULL,
  hazard_id VARCHAR(26),
  figures JSONB NOT NULL,
  event_level INTEGER,
  is_drill BOOLEAN NOT NULL,
  state VARCHAR(40) NOT NULL,
  recorded_by VARCHAR(26) NOT NULL,
  recorded_by_name VARCHAR(80) NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  closed_by_name VARCHAR(80) NOT NULL,
  summary TEXT NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_incident PRIMARY KEY (id),
  CONSTRAINT ck_incident_closed_has_time CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
  CONSTRAINT ck_incident_event_level_range CHECK (event_level BETWEEN 1 AND 4),
  CONSTRAINT ck_incident_position_whole CHECK ((longitude IS NULL) = (latitude IS NULL)),
  CONSTRAINT uq_incident_number UNIQUE (number),
  CONSTRAINT uq_incident_key UNIQUE (key),
  CONSTRAINT ck_incident_source CHECK (source IN ('phone', 'sms', 'web', 'sensor', 'patrol', 'superior', 'other')),
  CONSTRAINT fk_incident_hazard_id_hazard FOREIGN KEY(hazard_id) REFERENCES hazard (id),
  CONSTRAINT ck_incident_state CHECK (state IN ('reported', 'responding', 'closed'))
);

CREATE INDEX ix_incident_state_reported_at ON incident (state, reported_at);

CREATE INDEX ix_incident_unit_path ON incident (unit_path);

CREATE TABLE meeting_chat (
  id VARCHAR(26) NOT NULL,
  meeting_id VARCHAR(26) NOT NULL,
  participant_id VARCHAR(26) NOT NULL,
  name VARCHAR(80) NOT NULL,
  text VARCHAR(1000) NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_meeting_chat PRIMARY KEY (id),
  CONSTRAINT fk_meeting_chat_meeting_id_meeting FOREIGN KEY(meeting_id) REFERENCES meeting (id) ON DELETE CASCADE
);

CREATE INDEX ix_meeting_chat_meeting_id_at ON meeting_chat (meeting_id, at);

CREATE TABLE meeting_link (
  id VARCHAR(26) NOT NULL,
  meeting_id VARCHAR(26) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  site VARCHAR(80) NOT NULL,
  role VARCHAR(40) NOT NULL,
  token_hash VARCHAR(64) NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
  wrong_pins INTEGER NOT NULL,
  locked_at TIMESTAMP WITH TIME ZONE,
  revoked_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_meeting_link PRIMARY KEY (id),
  CONSTRAINT uq_meeting_link_meeting_id_unit_id UNIQUE (meeting_id, unit_id),
  CONSTRAINT fk_meeting_link_meeting_id_meeting FOREIGN KEY(meeting_id) REFERENCES meeting (id) ON DELETE CASCADE,
  CONSTRAINT ck_meeting_link_role CHECK (role IN ('chair', 'staff', 'site', 'guest', 'camera')),
  CONSTRAINT uq_meeting_link_token_hash UNIQUE (token_hash)
);

CREATE TABLE meeting_order (
  id VARCHAR(26) NOT NULL,
  meeting_id VARCHAR(26) NOT NULL,
  version INTEGER NOT NULL,
  kind VARCHAR(30) NOT NULL,
  target VARCHAR(26),
  value VARCHAR(60),
  ordered_by VARCHAR(60) NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_meeting_order PRIMARY KEY (id),
  CONSTRAINT fk_meeting_order_meeting_id_meeting FOREIGN KEY(meeting_id) REFERENCES meeting (id) ON DELETE CASCADE
);

CREATE INDEX ix_meeting_order_meeting_id_version ON meeting_order (meeting_id, version);

CREATE TABLE meeting_presence (
  id VARCHAR(26) NOT NULL,
  meeting_id VARCHAR(26) NOT NULL,
  participant_id VARCHAR(26) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  site VARCHAR(80) NOT NULL,
  name VARCHAR(80) NOT NULL,
  joined_at TIMESTAMP WITH TIME ZONE NOT NULL,
  left_at TIMESTAMP WITH TIME ZONE,
  reason VARCHAR(40),
  CONSTRAINT pk_meeting_presence PRIMARY KEY (id),
  CONSTRAINT fk_meeting_presence_meeting_id_meeting FOREIGN KEY(meeting_id) REFERENCES meeting (id) ON DELETE CASCADE
);

CREATE INDEX ix_meeting_presence_meeting_id_joined_at ON meeting_presence (meeting_id, joined_at);

CREATE TABLE meeting_recording (
  id VARCHAR(26) NOT NULL,
  meeting_id VARCHAR(26) NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  started_by VARCHAR(60) NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  end_cause VARCHAR(20),
  octets BIGINT NOT NULL,
  deleted_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_meeting_recording PRIMARY KEY (id),
  CONSTRAINT ck_meeting_recording_end_has_cause CHECK ((ended_at IS NULL) = (end_cause IS NULL)),
  CONSTRAINT fk_meeting_recording_meeting_id_meeting FOREIGN KEY(meeting_id) REFERENCES meeting (id) ON DELETE CASCADE
);

CREATE INDEX ix_meeting_recording_meeting_id_started_at ON meeting_recording (meeting_id, started_at);

CREATE TABLE meeting_seat (
  participant_id VARCHAR(26) NOT NULL,
  meeting_id VARCHAR(26) NOT NULL,
  seat_key VARCHAR(60) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  site VARCHAR(80) NOT NULL,
  name VARCHAR(80) NOT NULL,
  role VARCHAR(40) NOT NULL,
  resume_hash VARCHAR(64) NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  removed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_meeting_seat PRIMARY KEY (participant_id),
  CONSTRAINT uq_meeting_seat_meeting_id_seat_key UNIQUE (meeting_id, seat_key),
  CONSTRAINT fk_meeting_seat_meeting_id_meeting FOREIGN KEY(meeting_id) REFERENCES meeting (id) ON DELETE CASCADE,
  CONSTRAINT ck_meeting_seat_role CHECK (role IN ('chair', 'staff', 'site', 'guest', 'camera'))
);

CREATE TABLE sms_inbound (
  id VARCHAR(26) NOT NULL,
  number VARCHAR(30) NOT NULL,
  text TEXT NOT NULL,
  modem VARCHAR(40) NOT NULL,
  received_at TIMESTAMP WITH TIME ZONE NOT NULL,
  is_complete BOOLEAN NOT NULL,
  state VARCHAR(40) NOT NULL,
  kind VARCHAR(40) NOT NULL,
  fields JSONB,
  message_id VARCHAR(26),
  recipient_id VARCHAR(26),
  choice VARCHAR(20),
  handled_by VARCHAR(60),
  handled_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_sms_inbound PRIMARY KEY (id),
  CONSTRAINT ck_sms_inbound_state CHECK (state IN ('matched', 'unmatched', 'handled')),
  CONSTRAINT ck_sms_inbound_kind CHECK (kind IN ('answer', 'late', 'report', 'stop', 'start', 'other')),
  CONSTRAINT fk_sms_inbound_message_id_sms_message FOREIGN KEY(message_id) REFERENCES sms_message (id) ON DELETE SET NULL
);

CREATE INDEX ix_sms_inbound_number_received_at ON sms_inbound (number, received_at);

CREATE INDEX ix_sms_inbound_state_received_at ON sms_inbound (state, received_at);

CREATE TABLE sms_recipient (
  id VARCHAR(26) NOT NULL,
  message_id VARCHAR(26) NOT NULL,
  position INTEGER NOT NULL,
  number VARCHAR(20) NOT NULL,
  name VARCHAR(80) NOT NULL,
  person_id VARCHAR(26),
  text TEXT,
  is_demo BOOLEAN NOT NULL,
  concat_reference INTEGER NOT NULL,
  question_code VARCHAR(2),
  state VARCHAR(40) NOT NULL,
  cause VARCHAR(200),
  modem VARCHAR(40),
  sent_at TIMESTAMP WITH TIME ZONE,
  reported_at TIMESTAMP WITH TIME ZONE,
  answer TEXT,
  choice VARCHAR(20),
  answered_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_sms_recipient PRIMARY KEY (id),
  CONSTRAINT uq_sms_recipient_message_id_number UNIQUE (message_id, number),
  CONSTRAINT ck_sms_recipient_delivered_report CHECK (state != 'delivered' OR reported_at IS NOT NULL),
  CONSTRAINT ck_sms_recipient_failed_has_cause CHECK (state != 'failed' OR cause IS NOT NULL),
  CONSTRAINT ck_sms_recipient_answer_has_time CHECK ((answer IS NULL) = (answered_at IS NULL)),
  CONSTRAINT fk_sms_recipient_message_id_sms_message FOREIGN KEY(message_id) REFERENCES sms_message (id) ON DELETE CASCADE,
  CONSTRAINT ck_sms_recipient_state CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'unknown', 'failed', 'expired', 'cancelled'))
);

CREATE INDEX ix_sms_recipient_number_answered_at ON sms_recipient (number, answered_at);

CREATE TABLE user_grant (
  id VARCHAR(26) NOT NULL,
  user_id VARCHAR(26) NOT NULL,
  role VARCHAR(40) NOT NULL,
  unit_path VARCHAR(255) NOT NULL,
  CONSTRAINT pk_user_grant PRIMARY KEY (id),
  CONSTRAINT uq_user_grant_user_id_role_unit_path UNIQUE (user_id, role, unit_path),
  CONSTRAINT fk_user_grant_user_id_user FOREIGN KEY(user_id) REFERENCES "user" (id) ON DELETE CASCADE,
  CONSTRAINT ck_user_grant_role CHECK (role IN ('admin', 'auditor', 'chair', 'meeting_staff', 'duty_officer', 'leader', 'township_official', 'village_reporter'))
);

CREATE TABLE user_session (
  id VARCHAR(26) NOT NULL,
  user_id VARCHAR(26) NOT NULL,
  token_hash VARCHAR(64) NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  remote VARCHAR(60) NOT NULL,
  agent VARCHAR(200) NOT NULL,
  CONSTRAINT pk_user_session PRIMARY KEY (id),
  CONSTRAINT fk_user_session_user_id_user FOREIGN KEY(user_id) REFERENCES "user" (id) ON DELETE CASCADE,
  CONSTRAINT uq_user_session_token_hash UNIQUE (token_hash)
);

CREATE INDEX ix_user_session_expires_at ON user_session (expires_at);

CREATE INDEX ix_user_session_user_id ON user_session (user_id);

CREATE TABLE activation (
  id VARCHAR(26) NOT NULL,
  incident_id VARCHAR(26) NOT NULL,
  key VARCHAR(64) NOT NULL,
  plan_id VARCHAR(40) NOT NULL,
  plan_version INTEGER NOT NULL,
  plan JSONB NOT NULL,
  level INTEGER NOT NULL,
  state VARCHAR(40) NOT NULL,
  matter TEXT NOT NULL,
  measures JSONB NOT NULL,
  expected_hours INTEGER NOT NULL,
  ordered_by VARCHAR(26) NOT NULL,
  ordered_by_name VARCHAR(80) NOT NULL,
  ordered_at TIMESTAMP WITH TIME ZONE NOT NULL,
  confirmed_by VARCHAR(26),
  confirmed_by_name VARCHAR(80) NOT NULL,
  confirmed_at TIMESTAMP WITH TIME ZONE,
  ended_at TIMESTAMP WITH TIME ZONE,
  meeting_id VARCHAR(26),
  meeting_title VARCHAR(120) NOT NULL,
  meeting_ends_at TIMESTAMP WITH TIME ZONE,
  meeting_sites JSONB NOT NULL,
  links JSONB NOT NULL,
  CONSTRAINT pk_activation PRIMARY KEY (id),
  CONSTRAINT uq_activation_incident_id_key UNIQUE (incident_id, key),
  CONSTRAINT ck_activation_level_range CHECK (level BETWEEN 1 AND 4),
  CONSTRAINT ck_activation_grave_is_confirmed CHECK (level > 2 OR state <> 'active' OR confirmed_at IS NOT NULL),
  CONSTRAINT ck_activation_confirmed_has_person CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)),
  CONSTRAINT ck_activation_second_is_another CHECK (confirmed_by IS NULL OR confirmed_by <> ordered_by),
  CONSTRAINT ck_activation_ended_has_time CHECK ((state IN ('ended', 'revoked')) = (ended_at IS NOT NULL)),
  CONSTRAINT fk_activation_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id),
  CONSTRAINT ck_activation_state CHECK (state IN ('unconfirmed', 'active', 'ended', 'revoked'))
);

CREATE TABLE directory_appointment (
  unit_id VARCHAR(26) NOT NULL,
  post VARCHAR(40) NOT NULL,
  person_id VARCHAR(26) NOT NULL,
  rank INTEGER NOT NULL,
  CONSTRAINT pk_directory_appointment PRIMARY KEY (unit_id, post, person_id),
  CONSTRAINT ck_directory_appointment_rank_range CHECK (rank >= 0),
  CONSTRAINT fk_directory_appointment_unit_id_directory_unit FOREIGN KEY(unit_id) REFERENCES directory_unit (id),
  CONSTRAINT fk_directory_appointment_person_id_directory_person FOREIGN KEY(person_id) REFERENCES directory_person (id)
);

CREATE INDEX ix_directory_appointment_person_id ON directory_appointment (person_id);

CREATE INDEX ix_directory_appointment_post ON directory_appointment (post);

CREATE TABLE directory_group_member (
  group_id VARCHAR(26) NOT NULL,
  person_id VARCHAR(26) NOT NULL,
  position INTEGER NOT NULL,
  CONSTRAINT pk_directory_group_member PRIMARY KEY (group_id, person_id),
  CONSTRAINT fk_directory_group_member_group_id_directory_group FOREIGN KEY(group_id) REFERENCES directory_group (id) ON DELETE CASCADE,
  CONSTRAINT fk_directory_group_member_person_id_directory_person FOREIGN KEY(person_id) REFERENCES directory_person (id)
);

CREATE TABLE directory_import_row (
  import_id VARCHAR(26) NOT NULL,
  position INTEGER NOT NULL,
  kind VARCHAR(40) NOT NULL,
  person_id VARCHAR(26),
  verdict JSONB NOT NULL,
  written_version INTEGER,
  released JSONB,
  CONSTRAINT pk_directory_import_row PRIMARY KEY (import_id, position),
  CONSTRAINT fk_directory_import_row_import_id_directory_import FOREIGN KEY(import_id) REFERENCES directory_import (id) ON DELETE CASCADE,
  CONSTRAINT ck_directory_import_row_kind CHECK (kind IN ('new', 'changed', 'unchanged', 'missing', 'faulty'))
);

CREATE INDEX ix_directory_import_row_import_id_kind ON directory_import_row (import_id, kind);

CREATE TABLE directory_phone (
  person_id VARCHAR(26) NOT NULL,
  position INTEGER NOT NULL,
  number VARCHAR(20) NOT NULL,
  kind VARCHAR(40) NOT NULL,
  extension VARCHAR(6) NOT NULL,
  is_demo BOOLEAN NOT NULL,
  CONSTRAINT pk_directory_phone PRIMARY KEY (person_id, position),
  CONSTRAINT uq_directory_phone_person_id_number_extension UNIQUE (person_id, number, extension),
  CONSTRAINT fk_directory_phone_person_id_directory_person FOREIGN KEY(person_id) REFERENCES directory_person (id) ON DELETE CASCADE,
  CONSTRAINT ck_directory_phone_kind CHECK (kind IN ('mobile', 'landline', 'short'))
);

CREATE INDEX ix_directory_phone_number ON directory_phone (number);

CREATE TABLE incident_log (
  id VARCHAR(26) NOT NULL,
  incident_id VARCHAR(26) NOT NULL,
  number INTEGER NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  kind VARCHAR(40) NOT NULL,
  actor VARCHAR(60) NOT NULL,
  actor_name VARCHAR(80) NOT NULL,
  text TEXT NOT NULL,
  data JSONB NOT NULL,
  CONSTRAINT pk_incident_log PRIMARY KEY (id),
  CONSTRAINT uq_incident_log_incident_id_number UNIQUE (incident_id, number),
  CONSTRAINT fk_incident_log_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id),
  CONSTRAINT ck_incident_log_kind CHECK (kind IN ('reported', 'changed', 'note', 'activated', 'confirmed', 'revoked', 'meeting', 'called', 'rung', 'held', 'delivered', 'failed', 'acknowledged', 'declined', 'replied', 'escalated', 'exhausted', 'asked_again', 'task', 'overdue', 'village', 'closed'))
);

CREATE TABLE sms_segment (
  id VARCHAR(26) NOT NULL,
  message_id VARCHAR(26) NOT NULL,
  recipient_id VARCHAR(26) NOT NULL,
  lane INTEGER NOT NULL,
  position BIGINT NOT NULL,
  is_demo BOOLEAN NOT NULL,
  part INTEGER NOT NULL,
  parts INTEGER NOT NULL,
  state VARCHAR(40) NOT NULL,
  not_before TIMESTAMP WITH TIME ZONE NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  attempts INTEGER NOT NULL,
  copies INTEGER NOT NULL,
  round INTEGER NOT NULL,
  carrier VARCHAR(20) NOT NULL,
  avoid_modem VARCHAR(40),
  prefers_modem VARCHAR(40),
  pinned_modem VARCHAR(40),
  sent_at TIMESTAMP WITH TIME ZONE,
  reported_at TIMESTAMP WITH TIME ZONE,
  unknown_since TIMESTAMP WITH TIME ZONE,
  cause VARCHAR(200),
  CONSTRAINT pk_sms_segment PRIMARY KEY (id),
  CONSTRAINT ck_sms_segment_sent_has_attempt CHECK (state NOT IN ('sending', 'unknown', 'sent', 'delivered') OR attempts > 0),
  CONSTRAINT ck_sms_segment_sent_has_time CHECK (state != 'sent' OR sent_at IS NOT NULL),
  CONSTRAINT ck_sms_segment_delivered_report CHECK (state != 'delivered' OR reported_at IS NOT NULL),
  CONSTRAINT ck_sms_segment_unknown_has_time CHECK (state != 'unknown' OR unknown_since IS NOT NULL),
  CONSTRAINT fk_sms_segment_message_id_sms_message FOREIGN KEY(message_id) REFERENCES sms_message (id) ON DELETE CASCADE,
  CONSTRAINT fk_sms_segment_recipient_id_sms_recipient FOREIGN KEY(recipient_id) REFERENCES sms_recipient (id) ON DELETE CASCADE,
  CONSTRAINT ck_sms_segment_state CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'unknown', 'failed', 'expired', 'cancelled'))
);

CREATE INDEX ix_sms_segment_message_id ON sms_segment (message_id);

CREATE INDEX ix_sms_segment_queue ON sms_segment (is_demo, lane, position) WHERE state = 'queued';

CREATE INDEX ix_sms_segment_recipient_id ON sms_segment (recipient_id);

CREATE TABLE village_report (
  id VARCHAR(26) NOT NULL,
  inbound_id VARCHAR(26) NOT NULL,
  received_at TIMESTAMP WITH TIME ZONE NOT NULL,
  kind VARCHAR(20) NOT NULL,
  value DOUBLE PRECISION,
  note VARCHAR(300) NOT NULL,
  text VARCHAR(500) NOT NULL,
  number VARCHAR(30) NOT NULL,
  person_id VARCHAR(26),
  person_name VARCHAR(80) NOT NULL,
  unit_id VARCHAR(26),
  unit_path VARCHAR(300) NOT NULL,
  unit_name VARCHAR(80) NOT NULL,
  state VARCHAR(40) NOT NULL,
  incident_id VARCHAR(26),
  handled_by VARCHAR(26),
  handled_by_name VARCHAR(80) NOT NULL,
  handled_at TIMESTAMP WITH TIME ZONE,
  reason VARCHAR(200) NOT NULL,
  CONSTRAINT pk_village_report PRIMARY KEY (id),
  CONSTRAINT ck_village_report_handled_has_time CHECK ((state = 'waiting') = (handled_at IS NULL)),
  CONSTRAINT ck_village_report_attached_to_which CHECK (state <> 'attached' OR incident_id IS NOT NULL),
  CONSTRAINT uq_village_report_inbound_id UNIQUE (inbound_id),
  CONSTRAINT ck_village_report_state CHECK (state IN ('waiting', 'attached', 'dismissed')),
  CONSTRAINT fk_village_report_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id)
);

CREATE INDEX ix_village_report_state_received_at ON village_report (state, received_at);

CREATE TABLE callout (
  id VARCHAR(26) NOT NULL,
  activation_id VARCHAR(26) NOT NULL,
  incident_id VARCHAR(26) NOT NULL,
  position INTEGER NOT NULL,
  role VARCHAR(40) NOT NULL,
  role_name VARCHAR(40) NOT NULL,
  unit_id VARCHAR(26),
  unit_name VARCHAR(80) NOT NULL,
  is_first_alert BOOLEAN NOT NULL,
  chain JSONB NOT NULL,
  state VARCHAR(40) NOT NULL,
  step INTEGER NOT NULL,
  step_since TIMESTAMP WITH TIME ZONE,
  next_at TIMESTAMP WITH TIME ZONE,
  acknowledged_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_callout PRIMARY KEY (id),
  CONSTRAINT uq_callout_activation_id_role UNIQUE (activation_id, role),
  CONSTRAINT ck_callout_acknowledged_has_time CHECK ((state = 'acknowledged') = (acknowledged_at IS NOT NULL)),
  CONSTRAINT ck_callout_calling_has_next CHECK ((state = 'calling') = (next_at IS NOT NULL)),
  CONSTRAINT ck_callout_next_has_since CHECK ((next_at IS NULL) OR (step_since IS NOT NULL)),
  CONSTRAINT fk_callout_activation_id_activation FOREIGN KEY(activation_id) REFERENCES activation (id),
  CONSTRAINT fk_callout_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id),
  CONSTRAINT ck_callout_state CHECK (state IN ('held', 'calling', 'acknowledged', 'exhausted', 'stopped'))
);

CREATE INDEX ix_callout_incident_id ON callout (incident_id);

CREATE TABLE sms_attempt (
  id VARCHAR(26) NOT NULL,
  segment_id VARCHAR(26) NOT NULL,
  modem VARCHAR(40) NOT NULL,
  imsi VARCHAR(20) NOT NULL,
  number VARCHAR(20) NOT NULL,
  state VARCHAR(40) NOT NULL,
  is_extra_copy BOOLEAN NOT NULL,
  round INTEGER NOT NULL,
  reference INTEGER,
  carrier_id VARCHAR(65),
  receipt_id VARCHAR(65),
  error VARCHAR(60),
  detail VARCHAR(300) NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  reported_at TIMESTAMP WITH TIME ZONE,
  report_status INTEGER,
  CONSTRAINT pk_sms_attempt PRIMARY KEY (id),
  CONSTRAINT ck_sms_attempt_ended_has_time CHECK ((state = 'started') = (ended_at IS NULL)),
  CONSTRAINT fk_sms_attempt_segment_id_sms_segment FOREIGN KEY(segment_id) REFERENCES sms_segment (id) ON DELETE CASCADE,
  CONSTRAINT ck_sms_attempt_state CHECK (state IN ('started', 'sent', 'refused', 'not_sent', 'unknown'))
);

CREATE INDEX ix_sms_attempt_imsi_started_at ON sms_attempt (imsi, started_at);

CREATE INDEX ix_sms_attempt_number_reference_started_at ON sms_attempt (number, reference, started_at);

CREATE INDEX ix_sms_attempt_segment_id ON sms_attempt (segment_id);

CREATE INDEX ix_sms_attempt_state_modem ON sms_attempt (state, modem);

CREATE TABLE task (
  id VARCHAR(26) NOT NULL,
  activation_id VARCHAR(26) NOT NULL,
  incident_id VARCHAR(26) NOT NULL,
  position INTEGER NOT NULL,
  step VARCHAR(20) NOT NULL,
  title VARCHAR(120) NOT NULL,
  role VARCHAR(40) NOT NULL,
  role_name VARCHAR(40) NOT NULL,
  evidence VARCHAR(40) NOT NULL,
  on_overdue VARCHAR(40) NOT NULL,
  state VARCHAR(40) NOT NULL,
  opens_at TIMESTAMP WITH TIME ZONE NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE NOT NULL,
  is_overdue BOOLEAN NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE,
  done_at TIMESTAMP WITH TIME ZONE,
  done_by_name VARCHAR(80) NOT NULL,
  result TEXT NOT NULL,
  CONSTRAINT pk_task PRIMARY KEY (id),
  CONSTRAINT uq_task_activation_id_step UNIQUE (activation_id, step),
  CONSTRAINT ck_task_done_has_time CHECK ((state = 'done') = (done_at IS NOT NULL)),
  CONSTRAINT ck_task_started_has_time CHECK (state <> 'started' OR started_at IS NOT NULL),
  CONSTRAINT ck_task_due_after_opening CHECK (due_at > opens_at),
  CONSTRAINT fk_task_activation_id_activation FOREIGN KEY(activation_id) REFERENCES activation (id),
  CONSTRAINT fk_task_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id),
  CONSTRAINT ck_task_evidence CHECK (evidence IN ('none', 'text', 'photo', 'ack', 'headcount')),
  CONSTRAINT ck_task_state CHECK (state IN ('open', 'started', 'done', 'cancelled'))
);

CREATE INDEX ix_task_incident_id ON task (incident_id);

CREATE TABLE assignment (
  id VARCHAR(26) NOT NULL,
  callout_id VARCHAR(26) NOT NULL,
  activation_id VARCHAR(26) NOT NULL,
  incident_id VARCHAR(26) NOT NULL,
  step INTEGER NOT NULL,
  person_id VARCHAR(26) NOT NULL,
  name VARCHAR(80) NOT NULL,
  title VARCHAR(80) NOT NULL,
  unit_id VARCHAR(26) NOT NULL,
  unit_name VARCHAR(80) NOT NULL,
  number VARCHAR(20) NOT NULL,
  is_demo BOOLEAN NOT NULL,
  state VARCHAR(40) NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  asked INTEGER NOT NULL,
  message_id VARCHAR(26),
  submitted_at TIMESTAMP WITH TIME ZONE,
  delivered_at TIMESTAMP WITH TIME ZONE,
  failed_at TIMESTAMP WITH TIME ZONE,
  failure VARCHAR(200) NOT NULL,
  escalated_at TIMESTAMP WITH TIME ZONE,
  declined_at TIMESTAMP WITH TIME ZONE,
  acknowledged_at TIMESTAMP WITH TIME ZONE,
  acknowledged_how VARCHAR(40),
  acknowledged_by VARCHAR(80) NOT NULL,
  answer VARCHAR(500) NOT NULL,
  rung_at TIMESTAMP WITH TIME ZONE,
  ring_result VARCHAR(20) NOT NULL,
  CONSTRAINT pk_assignment PRIMARY KEY (id),
  CONSTRAINT uq_assignment_callout_id_step_person_id UNIQUE (callout_id, step, person_id),
  CONSTRAINT ck_assignment_acknowledged_has_time CHECK ((state = 'acknowledged') = (acknowledged_at IS NOT NULL)),
  CONSTRAINT ck_assignment_acknowledged_has_way CHECK ((acknowledged_at IS NULL) = (acknowledged_how IS NULL)),
  CONSTRAINT ck_assignment_declined_has_time CHECK ((state = 'declined') = (declined_at IS NOT NULL)),
  CONSTRAINT ck_assignment_submitted_has_message CHECK (state <> 'submitted' OR (submitted_at IS NOT NULL AND message_id IS NOT NULL)),
  CONSTRAINT ck_assignment_delivered_has_time CHECK (state <> 'delivered' OR delivered_at IS NOT NULL),
  CONSTRAINT ck_assignment_failed_has_time CHECK (state <> 'failed' OR failed_at IS NOT NULL),
  CONSTRAINT ck_assignment_escalated_has_time CHECK (state <> 'escalated' OR escalated_at IS NOT NULL),
  CONSTRAINT fk_assignment_callout_id_callout FOREIGN KEY(callout_id) REFERENCES callout (id),
  CONSTRAINT fk_assignment_activation_id_activation FOREIGN KEY(activation_id) REFERENCES activation (id),
  CONSTRAINT fk_assignment_incident_id_incident FOREIGN KEY(incident_id) REFERENCES incident (id),
  CONSTRAINT ck_assignment_state CHECK (state IN ('pending', 'submitted', 'delivered', 'acknowledged', 'declined', 'escalated', 'failed')),
  CONSTRAINT ck_assignment_acknowledged_how CHECK (acknowledged_how IN ('sms', 'phone', 'console'))
);

CREATE INDEX ix_assignment_incident_id ON assignment (incident_id);

CREATE INDEX ix_assignment_message_id ON assignment (message_id);
