import { serviceMain } from '../common/serviceMain.ts'
import { runOperator } from './run.ts'

/** The operator agent's process: `node_modules/.bin/node host/src/operator/main.ts --config FILE`. */
serviceMain(runOperator)
