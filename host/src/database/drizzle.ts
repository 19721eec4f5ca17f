import { createRequire } from 'node:module'

/**
 * Drizzle, loaded as CommonJS. As ES modules Node reads the package's description (180 kB) again for each of its hundred
 * files, which takes longer than all else that a service does when it starts.
 */
const require = createRequire(import.meta.url)
const orm = require('drizzle-orm') as typeof import('drizzle-orm')
const pgCore = require('drizzle-orm/pg-core') as typeof import('drizzle-orm/pg-core')
const nodePostgres = require('drizzle-orm/node-postgres') as typeof import('drizzle-orm/node-postgres')

export const { drizzle } = nodePostgres
export const { bigint, boolean, date, integer, jsonb, numeric, pgTable, primaryKey, text, timestamp } = pgCore
export const {
  and,
  asc,
  between,
  count,
  desc,
  eq,
  getTableColumns,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  not,
  notInArray,
  or,
  sql,
} = orm
