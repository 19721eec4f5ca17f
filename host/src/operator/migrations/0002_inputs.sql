-- Requests by hash name their input and say where it is: it is here once it was fetched. Who accepts one has the duty.
alter table requests alter column input drop not null;
alter table requests add column source text;
alter table requests add column accepted_by text;
create index requests_unclosed on requests (deadline) where state in ('seen', 'answered', 'submitted', 'skipped');
