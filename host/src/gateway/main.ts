import { serviceMain } from '../common/serviceMain.ts'
import { runGateway } from './run.ts'

/** The gateway's process: `node_modules/.bin/node host/src/gateway/main.ts --config FILE`. */
serviceMain(runGateway)
