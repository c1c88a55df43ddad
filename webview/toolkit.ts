/**
 * The page's standard controls. This is the only module that names `@vscode/webview-ui-toolkit`, which is archived:
 * whatever replaces it has to provide these functions and nothing else.
 *
 * Only components whose templates live under our content security policy are registered: the toolkit's badge, tag
 * and determinate progress ring set `style` attributes, which the policy forbids, so they are not among them.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeProgressRing,
  vsCodeRadio,
  vsCodeRadioGroup,
} from '@vscode/webview-ui-toolkit';

/** A set of choices of which exactly one is taken. */
export interface Choice<Value extends string> {
  readonly element: HTMLElement;
  /** Shows which one is taken; tells nobody. */
  select(value: Value): void;
}

/** Registers the components; call it once, before any of them is made. */
export function registerControls(): void {
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeProgressRing(),
    vsCodeRadio(),
    vsCodeRadioGroup(),
  );
  followThemes();
}

/** Makes a button. */
export function button(label: string, onClick: () => void): HTMLElement {
  const element = document.createElement('vscode-button');
  element.textContent = label;
  element.addEventListener('click', onClick);
  return element;
}

/** Makes a ring that turns while something is under way. */
export function progressRing(label: string): HTMLElement {
  const element = document.createElement('vscode-progress-ring');
  element.setAttribute('aria-label', label);
  return element;
}

/**
 * Makes a group of radio buttons.
 * @param name the group's name for assistive technology
 * @param options the values and what they are called
 * @param onChoose called when the user takes another one
 */
export function choice<Value extends string>(
  name: string,
  options: readonly { readonly value: Value; readonly label: string }[],
  onChoose: (value: Value) => void,
): Choice<Value> {
  const element = document.createElement('vscode-radio-group') as HTMLElement & { value: string };
  element.setAttribute('aria-label', name);
  for (const { value, label } of options) {
    const radio = document.createElement('vscode-radio');
    radio.setAttribute('value', value);
    radio.setAttribute('name', 'choice');
    radio.textContent = label;
    element.append(radio);
  }
  // The group reports every change of its value, also those that `select` makes.
  let taken: string | undefined;
  element.addEventListener('change', () => {
    if (taken !== undefined && element.value !== taken) {
      const value = options.find((option) => option.value === element.value)?.value;
      if (value !== undefined) {
        taken = value;
        onChoose(value);
      }
    }
  });
  return {
    element,
    select(value) {
      if (value !== taken) {
        taken = value;
        element.value = value;
      }
    },
  };
}

/**
 * The toolkit reads the theme's colours again only when the body's class changes; from one dark theme to another it
 * does not.
 */
function followThemes(): void {
  const nudge = () => document.body.classList.toggle('theme-changed');
  new MutationObserver(nudge).observe(document.body, {
    attributes: true,
    attributeFilter: ['data-vscode-theme-id'],
  });
}
