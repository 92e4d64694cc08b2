// Starts the page. It talks to this server alone, and to no other host; the Content-Security-Policy holds it to that.

import * as flow from "./flow.js";
import * as inbox from "./inbox.js";
import * as passkeysHere from "./passkeys.js";
import * as revocations from "./revocations.js";
import * as authenticator from "./steps/authenticator.js";
import * as login from "./steps/login.js";
import * as logout from "./steps/logout.js";
import * as passkeys from "./steps/passkeys.js";
import * as register from "./steps/register.js";
import * as sessions from "./steps/sessions.js";
import * as token from "./steps/token.js";
import * as verify from "./steps/verify.js";

const steps = [register, login, verify, token, sessions, authenticator, passkeys, logout];
for (const part of [flow, ...steps, inbox, revocations, passkeysHere]) part.start();
