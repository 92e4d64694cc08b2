// What the page knows of the person and the session. It lives in this module alone: nothing is written to localStorage,
// cookies or the address, so a reload forgets every secret.

export const memory = {
  username: "",
  email: "",
  password: "",
  // The challenge that waits for its answer.
  challenge: null,
  tokens: null,
  // When the page last asked for something by which a code is sent: codes that came before belong to something else.
  askedAt: 0,
  // The authenticator app that this page plays, once it is confirmed.
  app: null,
};

// Steps tell one another what happened by events, so that none has to know which steps come after it.
const happenings = new EventTarget();

export function tell(name, detail) {
  happenings.dispatchEvent(new CustomEvent(name, { detail }));
}

export function when(name, listener) {
  happenings.addEventListener(name, (event) => listener(event.detail));
}
