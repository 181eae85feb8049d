// What the pages share: finding, saying what went wrong, taking files that are dropped.

export const $ = (id) => document.getElementById(id);

/** Do something; what goes wrong is said on the page and leaves it as it was. */
export async function guard(action) {
  $("alert").hidden = true;
  try {
    await action();
  } catch (error) {
    tell(error);
  }
}

export function tell(error) {
  $("alert").textContent = error.message;
  $("alert").hidden = false;
}

/** Call `take` with the files dropped on an element, which shows that they may be. */
export function dropped(element, take) {
  for (const [kind, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    element.addEventListener(kind, (event) => {
      event.preventDefault();
      element.classList.toggle("over", over);
      if (kind === "drop") guard(() => take([...event.dataTransfer.files]));
    });
  }
}
