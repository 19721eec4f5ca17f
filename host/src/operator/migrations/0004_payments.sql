-- What clients' vouchers are paid by: batches, each as the enclave signed it last.
create table batches (
  reservation text not null,
  first bigint not null,
  last bigint not null,
  count integer not null,
  total numeric(78) not null,
  token text not null,
  receipt_key text not null,
  terms jsonb not null,
  batch jsonb not null,
  signature text not null,
  expires_at bigint not null,
  state text not null check (state in ('open', 'closed', 'submitted', 'ended')),
  reason text,
  nonce bigint,
  created_at timestamptz not null default now(),
  primary key (reservation, first)
);
create index batches_unsettled on batches (reservation) where state <> 'ended';

-- One row a voucher: the answer that it paid for, to be given again when it is asked for again.
create table paid_answers (
  reservation text not null,
  index bigint not null,
  first bigint not null,
  request_id text not null,
  receipt_id text not null,
  price numeric(78) not null,
  bundle jsonb not null,
  primary key (reservation, index),
  foreign key (reservation, first) references batches (reservation, first)
);
create index paid_answers_receipt on paid_answers (receipt_id);
