-- API keys: of a key its hash alone, so that nobody can use what is read here.
create table api_keys (
  id integer generated always as identity primary key,
  hash text not null unique,
  name text not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

-- What was asked with a key on a day (UTC): calls, units by the receipts of plain answers, bytes of sealed bodies and answers.
create table usage (
  key integer not null references api_keys (id),
  day date not null,
  requests bigint not null,
  units bigint not null,
  sealed_bytes bigint not null,
  primary key (key, day)
);
