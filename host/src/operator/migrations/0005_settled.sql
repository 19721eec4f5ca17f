-- A batch that no reorganisation takes back is over: what is looked for after every block stays small.
alter table batches drop constraint batches_state_check;
alter table batches add constraint batches_state_check
  check (state in ('open', 'closed', 'submitted', 'settled', 'ended'));
drop index batches_unsettled;
create index batches_unsettled on batches (reservation, first) where state in ('open', 'closed', 'submitted');

-- Answers are kept for a day, receipts' ids and prices for ever: those are what is proven.
alter table paid_answers alter column bundle drop not null;
create index paid_answers_kept on paid_answers (reservation, first) where bundle is not null;
