-- What the store was made for, and how far the chain was read. One row.
create table cursor (
  one boolean primary key default true check (one),
  chain_id bigint not null,
  genesis_hash text not null,
  relay text not null,
  number bigint not null,
  hash text not null
);

-- The last blocks read, to find the common ancestor after a reorganisation.
create table blocks (
  number bigint primary key,
  hash text not null
);

-- One row an appearance of a request: after a reorganisation the same id may return in another block.
create table requests (
  id text not null,
  block_hash text not null,
  block_number bigint not null,
  artifact text not null,
  consumer text not null,
  deadline bigint not null,
  request jsonb not null,
  input text not null,
  state text not null check (state in ('seen', 'answered', 'submitted', 'fulfilled', 'expired', 'skipped', 'orphaned')),
  reason text,
  bundle jsonb,
  receipt_key text,
  nonce bigint,
  outcome jsonb,
  outcome_block bigint,
  seen_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (id, block_hash)
);
create index requests_open on requests (block_number) where state in ('seen', 'answered', 'submitted');
create index requests_outcome on requests (outcome_block) where outcome_block is not null;

-- One row a nonce of the operator's account: what was meant to be done with it.
create table transactions (
  nonce bigint primary key,
  purpose text not null,
  target text not null,
  data text not null,
  gas bigint not null,
  state text not null check (state in ('pending', 'mined')),
  hash text,
  block_number bigint,
  status text,
  gas_used bigint,
  gas_price numeric(78),
  created_at timestamptz not null default now()
);

-- Every signed form of it; a replacement has the same nonce and a higher fee.
create table attempts (
  hash text primary key,
  nonce bigint not null references transactions (nonce),
  raw text not null,
  max_fee numeric(78) not null,
  priority_fee numeric(78) not null,
  created_at timestamptz not null default now()
);
create index attempts_nonce on attempts (nonce);
