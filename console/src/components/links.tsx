import { Anchor, Button, type AnchorProps, type ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, Ref } from 'react';

type Html = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ButtonProps | keyof AnchorProps> & { ref?: Ref<HTMLAnchorElement> };

/** Links of the console that look like a button or like text. */
export const ButtonLink = createLink((props: ButtonProps & Html) => <Button component="a" {...props} />);
export const TextLink = createLink((props: AnchorProps & Html) => <Anchor {...props} />);
