-- After every block the agent asks what is not mined yet; what was mined stays for ever.
create index transactions_pending on transactions (nonce) where state = 'pending';
