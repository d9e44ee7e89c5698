/** What both faces give Ant Design: nonce, language, theme, and where dialogs live. */
import { ConfigProvider, theme as antTheme } from 'antd';
import enUS from 'antd/locale/en_US';
import zhCN from 'antd/locale/zh_CN';
import dayjs from 'dayjs';
import 'dayjs/locale/zh-cn';
import { useEffect, type ReactNode } from 'react';
import { useTexts } from '../i18n';

const FONT = '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",system-ui,sans-serif';
const SHARED = { fontFamily: FONT, fontSize: 14, borderRadius: 3, controlHeight: 30, motion: false };
const LIGHT = { ...SHARED, colorPrimary: '#0b6b7c', colorLink: '#0b6b7c', colorError: '#c4161c', colorTextPlaceholder: '#66727c' };
const DARK = { ...SHARED, colorPrimary: '#2f9fb3', colorBgBase: '#12171c', colorTextBase: '#dde5ea', colorBgContainer: '#1a2228', colorBgElevated: '#1c252c', colorBorder: '#3a4750', colorBorderSecondary: '#2a343c' };
// White on the dark theme's primary colour has too little contrast (WCAG 1.4.3).
const DARK_PARTS = { Button: { primaryColor: '#04101a' } };

/** The nonce that the server gave this page; Ant Design needs it for its style elements. */
function pageNonce(): string {
  return document.querySelector<HTMLElement>('meta[property="csp-nonce"]')?.nonce ?? '';
}

/**
 * Where dialogs and menus are put. Not the body: there the library would lock scrolling with a style
 * element that has no nonce.
 */
function overlays(): HTMLElement {
  return document.getElementById('overlays') ?? document.body;
}

export function Themed({ dark, children }: { dark: boolean; children: ReactNode }) {
  const { language } = useTexts();
  useEffect(() => {
    // On the root, so that dialogs and menus, which live outside the page's box, follow.
    document.documentElement.classList.toggle('dark', dark);
  }, [dark]);
  useEffect(() => {
    dayjs.locale(language === 'zh' ? 'zh-cn' : 'en');
  }, [language]);
  return (
    <ConfigProvider
      csp={{ nonce: pageNonce() }}
      locale={language === 'zh' ? zhCN : enUS}
      componentSize="middle"
      getPopupContainer={overlays}
      button={{ autoInsertSpace: false }}
      theme={{ algorithm: dark ? antTheme.darkAlgorithm : antTheme.defaultAlgorithm, token: dark ? DARK : LIGHT, components: dark ? DARK_PARTS : {} }}
    >
      {children}
    </ConfigProvider>
  );
}
